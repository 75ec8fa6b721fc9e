"""What would happen if θ were another, and who is assumed to notice?

A forecast that lets nobody adapt is wrong where people answer (Lucas 1976). Followers of a run have
learned under many θ; here each group is shown either the θ in force, and adapts, or the old one,
and goes on as before, in one market that changes for all of them. All cases are played with the
same shocks, so that what differs is who adapts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError, unknown
from ...envs.core.market import Market
from ..policies.play import Played, play
from ..policies.policies import Policies, Trained
from ..runs.run_folder import RunFolder
from ..runs.whole_files import write_json
from ..studies.charts import TRAINED_COLOUR, chart, save
from ..studies.statistics import half_width
from .evaluate import load_trained

FILE, FIGURE = "counterfactual.json", "counterfactual.png"
BEFORE, NOBODY, EVERYBODY = "before", "nobody adapts", "all adapt"
MOST_PANELS = 6
Figures = dict[str, dict[str, tuple[float, float]]]
"""Outcome -> case -> mean and half of its 95 % interval, over episodes."""


@dataclass(frozen=True)
class Unaware:
    """Followers of whom some go on as under the old θ, whatever is in force.

    Attributes:
        policies: trained.
        market: theirs.
        old: θ that those who do not adapt see, ``(d,)``.
        adapting: groups that see the θ in force.
    """

    policies: Policies
    market: Market
    old: NDArray[np.float64]
    adapting: frozenset[str]

    def act(
        self, state: Any, generator: torch.Generator, greedy: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Actions of all followers, group -> ``(B, N, …)``.

        Both sides draw the same random numbers, so that cases differ by what is seen alone.
        """
        begun = generator.get_state()
        aware = self.policies.act(state, generator, greedy)
        if len(self.adapting) == len(self.market.groups):
            return aware
        generator.set_state(begun)
        theta = np.tile(self.old, (state.theta.shape[0], 1))
        before = self.policies.act(self.market.with_theta(state, theta), generator, greedy)
        return {name: (aware if name in self.adapting else before)[name] for name in before}


@dataclass(frozen=True)
class Counterfactual:
    """What comes of another θ, by who adapts.

    Attributes:
        old, new: θ, name -> value.
        cases: names of who adapts, the world as it was first.
        outcomes: see `Figures`.
    """

    old: dict[str, float]
    new: dict[str, float]
    cases: tuple[str, ...]
    outcomes: Figures

    def as_dict(self) -> dict[str, Any]:
        """As written to ``counterfactual.json``."""
        outcomes = {
            name: {
                case: {"mean": mean, "half_width_95": width}
                for case, (mean, width) in cases.items()
            }
            for name, cases in self.outcomes.items()
        }
        return {"old": self.old, "new": self.new, "cases": self.cases, "outcomes": outcomes}


def counterfactual(
    run: RunFolder, theta: Mapping[str, float], groups: Sequence[str] = ()
) -> Counterfactual:
    """Play another θ with nobody, with some and with all groups adapting to it.

    Writes ``RUN/counterfactual.json`` and ``RUN/counterfactual.png``.

    Args:
        run: finished; its followers saw θ when they learned.
        theta: the characteristics that change, name -> value; the others are those of the answer.
        groups: that adapt in the case between nobody and all; empty: each group alone, if there are
            several.

    Raises:
        PacesetterError: unknown names, θ out of bounds, nothing that changes, a leader that moves
            θ itself, or a market in which nobody learns.
    """
    trained = load_trained(run)
    old, new = _both(trained, theta)
    cases = _cases(trained.experiment.market, groups)
    outcomes: Figures = {}
    for case, (at, adapting) in cases.items():
        actors = Unaware(trained.policies, trained.experiment.market, old, adapting)
        played = play(trained.experiment, actors, new if at else old)
        for name, value in _means(played).items():
            outcomes.setdefault(name, {})[case] = value
    characteristics = trained.experiment.market.characteristics
    found = Counterfactual(
        characteristics.named(old), characteristics.named(new), tuple(cases), outcomes
    )
    write_json(run.path / FILE, found.as_dict())
    save(bars(found), run.path / FIGURE)
    return found


def _both(
    trained: Trained, theta: Mapping[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The answer of the run and the θ asked about, ``(d,)`` each."""
    experiment = trained.experiment
    space = experiment.market.characteristics
    if not experiment.market.groups:
        raise PacesetterError(
            f"in market {experiment.market.name!r} nobody learns, so that nobody adapts; compare "
            "two θ with 'pacesetter train … leader=fixed leader.theta…'."
        )
    for name in theta:
        if name not in space.names:
            raise unknown("characteristic", name, space.names)
    old = np.asarray(trained.theta, dtype=np.float64)
    new = space.validate(space.named(old) | dict(theta))[0]
    if np.array_equal(old, new):
        asked = ", ".join(f"{name}={value:g}" for name, value in theta.items()) or "nothing"
        raise PacesetterError(
            f"nothing changes: the run's answer is {space.named(old)} already, and {asked} is "
            "asked about; give another value, e.g. theta.NAME=VALUE."
        )
    return old, new


def _cases(market: Market, groups: Sequence[str]) -> dict[str, tuple[bool, frozenset[str]]]:
    """Who adapts: case -> whether the new θ is in force, and the groups that see it."""
    names = [group.name for group in market.groups]
    for group in groups:
        if group not in names:
            raise unknown("group", group, names)
    cases = {BEFORE: (False, frozenset(names)), NOBODY: (True, frozenset[str]())}
    if groups and len(set(groups)) < len(names):
        cases[f"{' and '.join(groups)} alone"] = (True, frozenset(groups))
    elif not groups and len(names) > 1:
        cases |= {f"{name} alone": (True, frozenset([name])) for name in names}
    return cases | {EVERYBODY: (True, frozenset(names))}


def _means(played: Played) -> dict[str, tuple[float, float]]:
    """The leader's objective, rewards and path quantities, over episodes; an agent's each."""
    copies = next(iter(played.quantities.values())).shape[2]
    found = {
        "objective": (
            float(played.objective.mean()),
            half_width(played.objective, clusters=played.episode),
        )
    }
    series = {f"reward of {name}": value for name, value in played.rewards.items()}
    series |= played.quantities
    for name, value in series.items():
        by_episode = np.nanmean(value, axis=1)  # (E, B, …)
        rows = by_episode.reshape(by_episode.shape[0] * copies, -1)  # (E·B, agents)
        shown = rows if 1 < rows.shape[1] <= MOST_PANELS else rows.mean(axis=1, keepdims=True)
        for place in range(shown.shape[1]):
            label = name if shown.shape[1] == 1 else f"{name}, {place}"
            found[label] = (float(shown[:, place].mean()), half_width(shown[:, place]))
    return found


def bars(found: Counterfactual) -> Figure:
    """The outcomes that move most between cases, in units of their value before, with intervals."""
    names = sorted(found.outcomes, key=lambda name: -_moved(found.outcomes[name]))[:MOST_PANELS]
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure, _ = chart(lines, columns, width=3.4 * columns, height=2.8 * lines)
    for axis, name in zip(figure.axes, names, strict=False):
        values = [found.outcomes[name][case] for case in found.cases]
        heights, widths = zip(*values, strict=True)
        colours = ["0.6", *[TRAINED_COLOUR] * (len(values) - 1)]
        places = range(len(values))
        axis.bar(places, heights, 0.6, yerr=np.nan_to_num(widths), color=colours, alpha=0.8)
        axis.set_xticks(places, [case.replace(" ", "\n", 1) for case in found.cases], fontsize=8)
        axis.set_title(name, fontsize=10)
    for axis in figure.axes[len(names) :]:
        axis.set_visible(False)
    return figure


def _moved(cases: Mapping[str, tuple[float, float]]) -> float:
    """By how much an outcome differs between cases, over how far its mean may be off."""
    means = np.array([mean for mean, _ in cases.values()])
    widths = np.nan_to_num([width for _, width in cases.values()])
    return float(np.ptp(means) / (np.mean(widths) + 1e-3 * np.abs(means).max() + 1e-12))
