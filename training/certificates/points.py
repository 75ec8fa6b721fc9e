"""The set of θ that an answer is placed in: where a leader might rather be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ..experiments.ruled import ruled_market

Floats = NDArray[np.float64]
ANSWER, DEFAULT, BASELINE, RULE = "answer", "default", "baseline", "rule"
REGION = 0.1  # of every range, to either side of the answer: the trust region


@dataclass(frozen=True)
class Point:
    """A θ and why it is there.

    Attributes:
        name: ``answer``, ``default``, ``baseline_0`` …, ``rule_…``, ``sobol_0`` …, ``near_0`` ….
        theta: ``(d,)``; of a rule, the default of its market.
        market: the one that goes by a rule instead of the leader's θ; None: the run's own.
    """

    name: str
    theta: Floats
    market: Market | None = None

    @property
    def declared(self) -> bool:
        """Whether somebody named it, and did not only search there; it is then never dropped."""
        return self.name in (ANSWER, DEFAULT) or self.name.startswith((BASELINE, RULE))


def points_around(
    space: Characteristics,
    answer: Floats,
    baselines: Iterable[Mapping[str, float]],
    sobol: int,
    near: int,
    seed: int,
) -> list[Point]:
    """The answer, what is declared, points all over the space, and points near the answer.

    Points that break a constraint are moved to the nearest that keeps it; one that is there already
    is left out.

    Args:
        space: of θ.
        answer: ``(d,)``.
        baselines: of the experiment, name -> value; entries that are left out take their default.
        sobol, near: how many of a scrambled Sobol sequence over the space and the trust region.
        seed: of the scrambling.

    Raises:
        PacesetterError: a baseline is not allowed in this market.
    """
    wanted = [Point(ANSWER, answer), Point(DEFAULT, space.default)]
    wanted += [
        Point(f"{BASELINE}_{number}", theta)
        for number, theta in enumerate(checked_baselines(space, baselines))
    ]
    everywhere = space.from_unit(_sobol(len(space), sobol, seed))
    span = REGION * (space.high - space.low)
    around = answer + (2.0 * _sobol(len(space), near, seed + 1) - 1.0) * span
    for name, rows in (("sobol", everywhere), ("near", around)):
        rows = space.nearest_allowed(np.clip(rows, space.low, space.high))
        wanted += [Point(f"{name}_{number}", theta) for number, theta in enumerate(rows)]
    found: list[Point] = []
    for point in wanted:
        if not any(np.allclose(point.theta, other.theta) for other in found):
            found.append(point)
    return found


def top_of_parabola(space: Characteristics, theta: Floats, values: Floats) -> Floats | None:
    """Where a parabola through what was measured has its top, ``(d,)``; None: it has none.

    A square and a slope for every characteristic, fitted to the best half of the points.

    Args:
        space: of θ.
        theta: ``(n, d)``.
        values: of the objective, ``(n,)``.
    """
    unit = space.to_unit(theta)
    best = np.argsort(values)[::-1][: max(3, 2 * len(space) + 1, len(values) // 2)]
    centre = unit[best[0]]
    away = unit[best] - centre
    design = np.column_stack([np.ones(len(best)), away, away**2])
    if len(best) < design.shape[1]:
        return None
    _, slopes, squares = np.split(
        np.linalg.lstsq(design, values[best], rcond=None)[0], [1, 1 + len(space)]
    )
    bent = squares < 0.0
    step = np.where(bent, -slopes / np.where(bent, 2.0 * squares, 1.0), 0.0)
    if not bent.any():
        return None
    moved = np.clip(centre + np.clip(step, -2.0 * REGION, 2.0 * REGION), 0.0, 1.0)
    return space.nearest_allowed(space.from_unit(moved[None]))[0]


def checked_baselines(
    space: Characteristics, baselines: Iterable[Mapping[str, float]]
) -> list[Floats]:
    """Every declared baseline as θ, ``(d,)``.

    Raises:
        PacesetterError: one of them is not allowed; it is named by its place.
    """
    found = []
    for number, baseline in enumerate(baselines):
        try:
            found.append(space.validate(baseline)[0])
        except PacesetterError as error:
            raise PacesetterError(
                f"training.baselines[{number}]: {error} Correct the baseline, or leave it out."
            ) from error
    return found


def ruled(market: Market, rules: Iterable[Mapping[str, Any]]) -> list[Point]:
    """A point for every rule by which the market itself sets what θ would; see `ruled_market`."""
    found = []
    for number, changes in enumerate(rules):
        changed = ruled_market(market, changes, f"training.rules[{number}]")
        text = "_".join(str(value) for value in changes.values())
        name = "".join(c if c.isalnum() else "_" for c in text)
        found.append(Point(f"{RULE}_{name}", changed.characteristics.default, changed))
    return found


def check_restarts(market: Market, points: Iterable[Point]) -> None:
    """Refuse a market that does not begin an episode at every θ of the set.

    Raises:
        PacesetterError: it fails there, or begins at another θ.
    """
    ours = market
    for point in points:
        market = point.market or ours
        named = market.characteristics.named(point.theta)
        where = f"market {market.name!r} cannot restart at θ = {named}"
        cure = (
            "; a certificate plays whole episodes at one θ each. Let the market take any θ within "
            "its bounds, or narrow the bounds."
        )
        try:
            state = market.with_theta(market.reset(0, 2), np.tile(point.theta, (2, 1)))
            state = market.restart(state, np.ones(2, dtype=bool))
            market.observe(state)
        except Exception as error:  # whatever a user's market may raise
            raise PacesetterError(f"{where} ({type(error).__name__}: {error}){cure}") from error
        if not np.allclose(np.asarray(state.theta), point.theta):
            raise PacesetterError(f"{where}: it begins at another θ{cure}")


def shows_theta(market: Market, points: Iterable[Point]) -> bool:
    """Whether followers of any group see a difference between the θ of a set."""
    seen = [
        {name: np.asarray(value) for name, value in market.observe(state).items()}
        for state in (market.reset(0, 2, p.theta) for p in points if p.market is None)
    ]
    return any(
        not np.array_equal(seen[0][name], other[name], equal_nan=True)
        for other in seen[1:]
        for name in seen[0]
    )


def _sobol(entries: int, number: int, seed: int) -> Floats:
    """So many points in the unit cube, ``(number, entries)``."""
    if number < 1 or entries < 1:
        return np.empty((0, entries))
    from scipy.stats import qmc  # takes a while to import

    power = max(0, int(np.ceil(np.log2(number))))
    rows = qmc.Sobol(entries, scramble=True, seed=np.random.default_rng(seed)).random_base2(power)
    return rows[:number]
