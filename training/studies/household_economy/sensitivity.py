"""How far a mean over a century moves when everybody errs a little: the equilibrium, disturbed.

Households of the computed equilibrium save a little less than is best in every state, or draw their
decisions as learning ones do. What one of them would gain by deciding best stands beside what
becomes of the economy: an error that costs almost nothing adds up over the years, since what is
saved this year is what there is to save from in the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....envs.household_economy.equilibrium import HouseholdEquilibrium, household_equilibrium
from ....envs.household_economy.market import HOUSEHOLD, HouseholdEconomy
from ...experiments.load import load_experiment
from ...policies.actions import from_action_space, to_action_space
from ...policies.play import play
from ..claims import Results
from .adaptation import best_deviation

LESS = (1.0, 0.9975, 0.995, 0.99)  # times the best saving share
DEVIATION = 0.1  # of what learned households draw in the end, on the scale on which they explore
SHOWN = ("saving_share", "wage", "welfare")


@dataclass(frozen=True)
class Disturbed:
    """Households that decide almost as in an equilibrium.

    Attributes:
        equilibrium: whose decisions they know.
        market: theirs.
        times: of the best saving share, what they save.
        deviation: of what they draw around their decisions, where they are not greedy.
    """

    equilibrium: HouseholdEquilibrium
    market: HouseholdEconomy
    times: float = 1.0
    deviation: float = 0.0

    def act(
        self, state: Any, generator: torch.Generator, greedy: bool = False
    ) -> dict[str, NDArray[Any]]:
        """See `policies.play.Actors`."""
        chosen = self.equilibrium.act(int(state.clock[0]), state) * [self.times, 1.0]
        if self.deviation and not greedy:
            space: Any = self.market.groups[0].action_space
            drawn = torch.randn(chosen.shape, generator=generator).numpy()
            scaled = from_action_space(chosen, space, "smooth") + self.deviation * drawn
            chosen = to_action_space(scaled, space, "smooth")
        return {HOUSEHOLD: chosen}


def sensitivity(results: Results) -> list[str]:
    """What small errors of everybody do to means over a century, as Markdown."""
    lines = [
        "## What small errors of everybody do to the mean saving share",
        "",
        "Computed: households of the equilibrium who save a little less than is best in every "
        "state; the last row draws around the best decisions, as the evaluation of learned "
        "households does. `gain`: of one of them who decides best among the others. `missing`: "
        "best saving share less one's own, mean over the states of this economy.",
        "",
        f"| save | gain | missing | {' | '.join(SHOWN)} |",
        f"|---|---|---|{'---|' * len(SHOWN)}",
    ]
    return lines + [f"| {' | '.join(cells)} |" for cells in _rows()]


def _rows() -> Iterable[list[str]]:
    experiment = load_experiment("household_best")
    market = experiment.market
    assert isinstance(market, HouseholdEconomy)
    equilibrium, theta = household_equilibrium(market), market.characteristics.default
    for times, deviation in (*((times, 0.0) for times in LESS), (1.0, DEVIATION)):
        households = Disturbed(equilibrium, market, times, deviation)
        found = best_deviation(experiment, households, theta)
        quantities = play(experiment, households, theta).quantities
        means = [f"{float(np.nanmean(quantities[name])):.3f}" for name in SHOWN]
        label = f"{times:g} × the best" if not deviation else f"the best, drawn ± {deviation:g}"
        apart = [f"{100.0 * found.gain:.2f} %", f"{found.saving:.3f}"]
        yield [label, *(apart if not deviation else ("", "")), *means]
