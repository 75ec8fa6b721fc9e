"""Copies of a market that play on by themselves: what every vectorised view stands on.

A view hands in actions as arrays and gets arrays back. Copies whose episode ends begin a new one in
the same step; what was seen last is kept beside what is seen now, to bootstrap from. θ is fixed, or
set from outside at any time, or drawn anew for every episode. Nothing here loops over copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import ArrayLike, NDArray

from ..core.arrays import detached
from ..core.errors import PacesetterError, nearest, unknown
from ..core.group import Group
from ..core.market import Actions, Market
from ..registry import make

DRAWN = "drawn"
"""Instead of a θ: a new one for every episode and copy, from the market's own prior."""
THETA_PURPOSE = 7  # sets the generator of drawn θ apart from others of the same seed
Theta = ArrayLike | Mapping[str, float] | None
"""One θ for all copies ``(d,)``, one for each ``(B, d)``, name -> value, `DRAWN`, or defaults."""


@dataclass(frozen=True)
class Turn:
    """What one step of all copies brings.

    Attributes:
        observations: to act on next, group -> ``(B, N, D)`` float32.
        final: what was seen at the end of the step, of the same shapes; in copies that have ended
            the last of the old episode, to bootstrap from where it was truncated.
        rewards: group -> ``(B, N)``.
        terminated, truncated: ``(B,)`` bool.
        quantities: the market's path quantities, name -> ``(B,)`` or ``(B, N)``.
    """

    observations: dict[str, NDArray[np.float32]]
    final: dict[str, NDArray[np.float32]]
    rewards: dict[str, NDArray[np.float64]]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    quantities: dict[str, NDArray[Any]]

    @property
    def ended(self) -> NDArray[np.bool_]:
        """Whose episode has ended, ``(B,)``."""
        return self.terminated | self.truncated


class Copies:
    """B copies of a market, stepped at once.

    Args:
        market: the physics, with at least one group.
        number: of copies, B.
        theta: see `Theta`.

    Attributes:
        market: the physics.
        number: B.

    Raises:
        PacesetterError: nobody acts in the market, or θ or the number is not allowed.
    """

    def __init__(self, market: Market, number: int, theta: Theta = None):
        if not market.groups:
            raise PacesetterError(
                f"market {market.name!r} has no agents that act, so there is nothing for other "
                "libraries to do; step it as arrays (`Market.reset`, `Market.step`)."
            )
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
            raise PacesetterError(f"copies must be a whole number >= 1, got {number!r}.")
        self.market, self.number = market, int(number)
        self._state: Any = None
        self._generator: np.random.Generator | None = None
        self._drawn = False
        self._theta = detached(market.characteristics.validate(None, self.number))
        self.set_theta(theta)

    @property
    def theta(self) -> NDArray[np.float64]:
        """θ in force, ``(B, d)``."""
        return np.array(self._theta if self._state is None else detached(self._state.theta))

    def set_theta(self, theta: Theta) -> None:
        """Set θ from now on, or let it be `DRAWN` from the next episode on.

        Raises:
            PacesetterError: θ is out of bounds, or a text that is not `DRAWN`.
        """
        if isinstance(theta, str):
            if theta != DRAWN:
                raise unknown("way to set θ", theta, [DRAWN])
            self._drawn = True
            return
        self._theta = detached(self.market.characteristics.validate(theta, self.number))
        self._drawn = False
        if self._state is not None:
            self._state = self.market.with_theta(self._state, self._theta)

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Begin an episode in every copy.

        Args:
            seed: begins the random streams anew, as `Market.reset` does: copy b is seeded with
                ``seed + b``. None goes on with them, from fresh entropy if there are none.
            options: ``{"theta": …}`` sets θ first.

        Returns:
            observations, group -> ``(B, N, D)``.

        Raises:
            PacesetterError: a seed, option or θ that is not allowed.
        """
        for name in options or {}:
            if name != "theta":
                raise unknown("reset option", name, ["theta"])
        if options and "theta" in options:
            self.set_theta(options["theta"])
        if seed is not None or self._state is None:
            chosen = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
            self._generator = np.random.default_rng([int(chosen), THETA_PURPOSE])
            theta = self._draw(self.number) if self._drawn else self._theta
            self._state = self.market.reset(int(chosen), self.number, theta)
        else:
            everywhere = np.ones(self.number, dtype=bool)
            self._state = self.market.restart(self._redrawn(self._state, everywhere), everywhere)
        return self._observe()

    def step(self, actions: Mapping[str, Any]) -> Turn:
        """Play one step of every copy.

        Args:
            actions: group -> ``(B, N, A)`` within the group's Box, or ``(B, N)`` integers.

        Raises:
            PacesetterError: no episode has begun, or an action is missing or not in its space.
        """
        if self._state is None:
            raise PacesetterError("step: no episode has begun; call reset() first.")
        step = self.market.step(self._state, self._checked(actions))
        self._state = step.state
        seen = final = self._observe()
        ended = step.terminated | step.truncated
        if ended.any():
            self._state = self.market.restart(self._redrawn(step.state, ended), ended)
            seen = self._observe()
        return Turn(seen, final, step.rewards, step.terminated, step.truncated, step.quantities)

    def _observe(self) -> dict[str, NDArray[np.float32]]:
        seen = self.market.observe(self._state)
        return {name: np.array(value, dtype=np.float32) for name, value in seen.items()}

    def _draw(self, number: int) -> NDArray[np.float64]:
        assert self._generator is not None
        return self.market.characteristics.draw(self._generator, number)

    def _redrawn(self, state: Any, ended: NDArray[np.bool_]) -> Any:
        """The state with θ drawn anew where an episode has ended, if it is drawn at all."""
        if not self._drawn:
            return state
        theta = np.array(state.theta)
        theta[ended] = self._draw(int(ended.sum()))
        return self.market.with_theta(state, theta)

    def _checked(self, actions: Mapping[str, Any]) -> Actions:
        known = [group.name for group in self.market.groups]
        for name in actions:
            if name not in known:
                raise unknown("group", name, known)
        return {group.name: self._checked_group(group, actions) for group in self.market.groups}

    def _checked_group(self, group: Group, actions: Mapping[str, Any]) -> NDArray[Any]:
        if group.name not in actions:
            raise PacesetterError(
                f"step: no actions for group {group.name!r}{nearest(group.name, actions)}."
            )
        return checked_actions(group, actions[group.name], (self.number, group.size))


def checked_actions(group: Group, actions: Any, shape: tuple[int, int]) -> NDArray[Any]:
    """Actions of a group in ``(B, N)`` copies and agents, as the market takes them.

    Raises:
        PacesetterError: a wrong shape or type, or an entry outside the action space.
    """
    space = group.action_space
    wanted = shape if isinstance(space, Discrete) else (*shape, *space.shape)
    try:
        array = np.asarray(actions)
        if isinstance(space, Discrete):
            number = array.dtype.kind in "iu"
        else:
            number, array = array.dtype.kind in "iuf", array.astype(np.float32, copy=False)
    except (TypeError, ValueError):
        number, array = False, np.zeros(0)
    if not number or array.shape != wanted:
        kind = "whole numbers" if isinstance(space, Discrete) else "numbers"
        raise PacesetterError(
            f"step: actions of group {group.name!r} must be {kind} of shape {wanted}, got "
            f"{np.asarray(actions, dtype=object).shape if not number else array.shape} of type "
            f"{getattr(actions, 'dtype', type(actions).__name__)}."
        )
    if isinstance(space, Discrete):
        allowed = (array >= 0) & (array < space.n)
        said = f"whole numbers from 0 to {space.n - 1}"
    else:
        assert isinstance(space, Box)
        # A NaN is neither above the lower nor below the upper bound.
        allowed = (array >= space.low) & (array <= space.high)
        said = f"between {space.low.tolist()} and {space.high.tolist()}; clip them before the step"
    if not allowed.all():
        place = np.argwhere(~allowed)[0]
        raise PacesetterError(
            f"step: actions of group {group.name!r} must be {said}; got {array[tuple(place)]} "
            f"(copy {place[0]}, agent {place[1]})."
        )
    return array


def market_of(market: Market | str, options: Mapping[str, Any]) -> Market:
    """A market as it is, or the one that a name and options stand for.

    Raises:
        PacesetterError: an unknown name or option, or options for a market that is built.
    """
    if not isinstance(market, Market):
        return make(market, **options)
    if options:
        raise PacesetterError(
            f"options {', '.join(options)}: market {market.name!r} is already built; give its name "
            "instead, or build it with these options."
        )
    return market


def only_group(market: Market, group: str | None) -> Group:
    """The group that a view of one shared policy is for.

    Raises:
        PacesetterError: there is no such group, or others act beside it.
    """
    names = [one.name for one in market.groups]
    if group is not None and group not in names:
        raise unknown(f"group of market {market.name!r}", group, names)
    if len(names) > 1:
        raise PacesetterError(
            f"market {market.name!r} has {len(names)} groups ({', '.join(names)}) with a policy "
            "each, and this view is of one policy: use pacesetter.vector_parallel_env, which takes "
            "and gives arrays by group, or pacesetter.parallel_env for dictionaries by agent."
        )
    if not names:
        Copies(market, 1)  # says what there is to do without anybody who acts
    return market.groups[0]
