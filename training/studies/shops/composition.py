"""Who the customers are, by four leaders with the same number of steps of the market.

Three of them lead shops that have learned to price under any composition: a policy that moves the
composition by steps, Bayesian search and random search. The fourth trains shops anew for every
candidate; see `contest`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....envs.shops.market import Shops
from ...experiments.load import load_experiment
from ..claims import SEEDS
from ..contest import Columns, Contest
from ..statistics import mean_text

Floats = NDArray[np.float64]
CONDITIONAL = {
    "steps of a policy": "shops_mix_steps",
    "Bayesian": "shops_mix_bayesian",
    "random search": "shops_mix_random",
}
RETRAINED = "Bayesian, shops trained per candidate"
PLANTED = np.array([0.5, 0.8])
WITHIN = 0.01
"""How far shares of sales may be from the planted ones, root mean square, at an answer."""


def loss(theta: Floats) -> float:
    """How far the shares of sales of customers under θ, ``(2,)``, are from the planted ones (RMS).

    At the prices of the planted market, by the law of choice: of the composition alone, so that
    neither noise nor what shops have not learned is in it.
    """
    market, prices = _planted()
    shares = [market.competition(at).outcome(prices).share for at in (theta, PLANTED)]
    return float(np.sqrt(np.mean((shares[0] - shares[1]) ** 2)))


CONTEST = Contest(
    name="shops_composition",
    conditional=CONDITIONAL,
    anew=RETRAINED,
    searched=CONDITIONAL["Bayesian"],
    loss=loss,
    off="market shares off, root mean square",
    columns={"share of hurried": "hurried_share", "connectivity": "connectivity"},
)
NOTES = (
    "Planted: half of the customers are hurried, and each reaches a shop with chance "
    f"{PLANTED[1]:g}; three shops learn their prices. A leader compares the distributions of "
    "prices and of shares with those of the planted market in its computed equilibrium. `off` "
    "is the distance of the shares of the answer's customers from those of the planted ones "
    "at the planted market's prices (root mean square over shops): of the composition alone, "
    "without noise.",
    "The objective is minus the distance between distributions, 0 at best, less the noise of "
    "an episode. `promised` is with the shops that the leader has led, at its answer (of "
    "shops trained per candidate, at the candidate nearest to it); `retrained` with shops "
    "trained from scratch at the answer. Shops trained per candidate get a "
    f"{CONTEST.candidates}th of the steps each.",
    "Between a fifth and a quarter of hurried customers the nearest shop leaves the thrifty "
    "ones, and its price jumps: below lies a second composition, of few hurried customers, "
    "whose market shares are nearly the planted ones. Recipes chosen on seed 10.",
)


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """Run every leader with every seed, and write the table and the figure into `out`."""
    found = CONTEST.fight(runs, SEEDS[:seeds])
    title = "Who the customers are: four leaders with the same number of steps"
    return CONTEST.write(found, out, title, NOTES, claims)


@cache
def _planted() -> tuple[Shops, Floats]:
    """The market, and its computed prices under the planted composition."""
    market = load_experiment(CONDITIONAL["Bayesian"]).market
    assert isinstance(market, Shops)
    return market, market.competition(PLANTED).equilibrium().price


def claims(columns: dict[str, Columns]) -> list[tuple[str, bool]]:
    """What the table holds, in words, and whether it does."""
    steps, bayesian, at_random = (columns[label] for label in CONDITIONAL)
    found = []
    for label, values in (("steps of a policy", steps), ("Bayesian", bayesian)):
        largest = float(values["off"].max())
        found.append(
            (f"{label}: off by {WITHIN:g} at most, every seed ({largest:.3f})", largest <= WITHIN)
        )
    for label, other in (("random search", at_random), (RETRAINED, columns[RETRAINED])):
        gap = bayesian["off"] - other["off"]
        found.append(
            (f"Bayesian is less off than {label} (paired, {mean_text(gap, 2)})", gap.mean() < 0)
        )
    return found
