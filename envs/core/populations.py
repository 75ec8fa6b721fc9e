"""Agents who differ: types drawn from a distribution that θ sets, and who reaches whom.

A *population* gives every agent a type λ: entries such as an aversion to risk, or how much a delay
costs. What distributes them is a market's to say:

| by | characteristics it brings | an agent's entry |
|---|---|---|
| ``common`` | NAME | that of everybody |
| ``distribution`` | NAME_mean, NAME_spread | mean + spread (2 u − 1), cut at the bounds |
| ``individual`` | NAME_1, NAME_2, … | its own |

and a `Mix` has kinds of agents, each with all entries given, and their shares. Types follow from a
quantile u that an agent keeps for an episode, never from draws under θ: two θ with the same seed
meet the same people, and a small change of θ changes few of them, or all of them by little. Agents
see their own type. That shared policies conditioned on types can be calibrated through the
distribution is the idea of Vadori et al. (arXiv:2006.13085).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .arrays import Array, constant
from .characteristics import Characteristic, LinearConstraint
from .errors import PacesetterError

By = Literal["common", "distribution", "individual"]
"""How a population's types are distributed."""


@dataclass(frozen=True)
class Trait:
    """One entry of a type.

    Attributes:
        name: a noun, e.g. ``risk_aversion``.
        low, high: bounds of every agent's own value.
        default: where the calibration of a population begins.
        unit, description: as of a `Characteristic`.
    """

    name: str
    low: float
    high: float
    default: float
    unit: str = ""
    description: str = ""


@dataclass(frozen=True)
class Population:
    """Agents whose types come from θ by quantile.

    Attributes:
        traits: the entries of a type.
        size: number of agents, N.
        by: how they are distributed; see the module.
        spreads: trait -> half of the width of its distribution, where that is given and θ has but
            its mean to say.
    """

    traits: tuple[Trait, ...]
    size: int
    by: By = "common"
    spreads: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def characteristics(self) -> list[Characteristic]:
        """The entries of θ that say how types are distributed, trait by trait."""
        return [entry for trait in self.traits for entry in self._entries(trait)]

    def _entries(self, trait: Trait) -> list[Characteristic]:
        text = trait.description or trait.name.replace("_", " ")
        bounds = (trait.low, trait.high, trait.default, trait.unit)
        if self.by == "common":
            return [Characteristic(trait.name, *bounds, text)]
        if self.by == "individual":
            return [
                Characteristic(f"{trait.name}_{agent + 1}", *bounds, f"{text}, of agent {agent}")
                for agent in range(self.size)
            ]
        half = (trait.high - trait.low) / 2.0
        mean = Characteristic(f"{trait.name}_mean", *bounds, f"{text}, mean of all")
        if trait.name in self.spreads:
            return [mean]
        return [
            mean,
            Characteristic(
                f"{trait.name}_spread", 0.0, half, 0.0, trait.unit, f"{text}, half of its width"
            ),
        ]

    @cached_property
    def _widths(self) -> tuple[int, ...]:
        """Entries of θ that every trait has."""
        return tuple(len(self._entries(trait)) for trait in self.traits)

    def types(self, columns: Array, quantiles: Array) -> dict[str, Array]:
        """Every agent's type.

        Args:
            columns: the entries of θ that `characteristics` lists, ``(B, m)``.
            quantiles: of every agent and trait, ``(B, N, K)``, in [0, 1).

        Returns:
            Trait -> ``(B, N)``.
        """
        found, start = {}, 0
        for k, (trait, width) in enumerate(zip(self.traits, self._widths, strict=True)):
            own = columns[:, start : start + width]
            start += width
            u = quantiles[..., k]
            if self.by == "distribution":
                spread = self.spreads[trait.name] if width == 1 else own[:, 1:]
                value = own[:, :1] + spread * (2.0 * u - 1.0)
                found[trait.name] = value.clip(trait.low, trait.high)
            else:
                found[trait.name] = own + 0.0 * u
        return found


@dataclass(frozen=True)
class Mix:
    """Agents of a few kinds; θ, or whoever calls, sets the shares of all kinds but the last.

    Attributes:
        kinds: kind -> trait -> value. Every kind has the same traits.

    Raises:
        PacesetterError: fewer than two kinds, or kinds with different traits.
    """

    kinds: Mapping[str, Mapping[str, float]]

    def __post_init__(self) -> None:
        """Hold all kinds to the traits of the first."""
        if len(self.kinds) < 2:
            raise PacesetterError(
                f"a mix needs two kinds of agents or more, got {sorted(self.kinds)}; of one kind "
                "all agents are alike, and nothing is mixed."
            )
        first = next(iter(self.kinds))
        for kind, traits in self.kinds.items():
            if set(traits) != set(self.kinds[first]):
                raise PacesetterError(
                    f"kind {kind!r} of a mix has the traits {sorted(traits)}, but {first!r} has "
                    f"{sorted(self.kinds[first])}; give every kind the same ones."
                )

    @cached_property
    def share_names(self) -> tuple[str, ...]:
        """Of the characteristics, one per kind but the last, which has what is left."""
        return tuple(f"{kind}_share" for kind in list(self.kinds)[:-1])

    @cached_property
    def characteristics(self) -> list[Characteristic]:
        """The shares of all kinds but the last, equal by default."""
        equal = 1.0 / len(self.kinds)
        return [
            Characteristic(name, 0.0, 1.0, equal, "share of the agents")
            for name in self.share_names
        ]

    @property
    def constraints(self) -> list[LinearConstraint]:
        """Shares do not exceed all agents; nothing to hold where one share says it all."""
        if len(self.kinds) == 2:
            return []
        return [LinearConstraint(dict.fromkeys(self.share_names, 1.0), 1.0)]

    def kind_of(self, shares: Array, quantiles: Array) -> Array:
        """Number of every agent's kind, in the order of `kinds`.

        Args:
            shares: ``(B, K − 1)``.
            quantiles: ``(B, N)``, in [0, 1).

        Returns:
            ``(B, N)``, integers as float64.
        """
        kind = 0.0 * quantiles
        reached = 0.0 * shares[:, :1]
        for k in range(len(self.kinds) - 1):
            reached = reached + shares[:, k : k + 1]
            kind = kind + (quantiles >= reached)
        return kind

    def types(self, shares: Array, quantiles: Array) -> dict[str, Array]:
        """Every agent's type, trait -> ``(B, N)``; arguments as of `kind_of`."""
        kind = self.kind_of(shares, quantiles)
        found = {}
        for trait in next(iter(self.kinds.values())):
            value = 0.0 * quantiles
            for k, traits in enumerate(self.kinds.values()):
                value = value + (0.0 * quantiles + traits[trait]) * (kind == k)
            found[trait] = value
        return found


def checked_shares(shares: Sequence[float], kinds: Sequence[str], what: str) -> None:
    """Refuse shares of all kinds that are no shares.

    Raises:
        PacesetterError: not one per kind, one below zero, or a sum that is not one.
    """
    given = ", ".join(f"{share:g}" for share in shares)
    if len(shares) != len(kinds):
        raise PacesetterError(
            f"{what} has {len(shares)} share(s), {given}, for the {len(kinds)} kinds "
            f"{', '.join(kinds)}; give one for each."
        )
    total = float(sum(shares))
    if min(shares) < 0.0 or abs(total - 1.0) > 1e-9:
        scaled = [max(share, 0.0) for share in shares]
        rest = sum(scaled)
        cure = ", ".join(f"{share / rest:.4g}" for share in scaled) if rest else "equal shares"
        raise PacesetterError(
            f"{what} = {given} must be shares: none below 0, and 1 in sum (they sum to {total:g}); "
            f"in the same proportions: {cure}."
        )


def reached(uniforms: Array, chance: Array) -> Array:
    """A random bipartite graph: each pair meets independently, by its chance.

    Args:
        uniforms: of every pair, ``(B, J, n)``, kept for as long as the graph stands.
        chance: connectivity, broadcast against them, in [0, 1].

    Returns:
        ``(B, J, n)`` bool. With the same uniforms a higher chance adds edges and removes none.
    """
    return uniforms < chance


def reached_exactly(xp: Any, uniforms: Array, chance: Array) -> Array:
    """The same where each of n agents reaches exactly ``round(c J)`` of the J others.

    Args:
        xp: array namespace.
        uniforms: ``(B, J, n)``; the smallest of a column are reached.
        chance: connectivity c of each agent, ``(B, n)``.

    Returns:
        ``(B, J, n)`` bool.
    """
    number = xp.round(chance * uniforms.shape[1]) / uniforms.shape[1]
    return reached(ranked(xp, uniforms), number[:, None, :])


def ranked(xp: Any, uniforms: Array) -> Array:
    """Uniforms ``(B, J, n)`` moved to the J places ``(r + ½) / J`` of their ranks in a column.

    Of these as many as ``m`` lie below m / J: drawn once, a graph with exact numbers stands for an
    episode and follows a connectivity that changes.
    """
    J = uniforms.shape[1]
    order = xp.argsort(xp.argsort(uniforms, axis=1), axis=1)
    return (xp.astype(order, uniforms.dtype) + 0.5) / J


def drawn_from(probabilities: Sequence[float], uniforms: Array) -> Array:
    """Whole numbers 0, 1, … with the given probabilities, by quantile, float64 of any shape."""
    cumulative = np.cumsum(np.asarray(probabilities, dtype=np.float64))[:-1]
    number = 0.0 * uniforms
    for bound in constant(cumulative, uniforms):
        number = number + (uniforms >= bound)
    return number
