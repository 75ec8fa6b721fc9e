"""The Stackelberg wrapper: one slow clock over a market, one reward per interval for its leader.

A leader sets θ at the start of every interval (a number of follower steps, or an episode); between,
θ stands. The objective is measured over the interval and paid to the leader at its end. There is
no other place in the library where time-scales are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..envs.core.arrays import Array, convert, converted, detached, is_tensor, namespace
from ..envs.core.errors import PacesetterError
from ..envs.core.market import Actions, Market
from ..envs.core.state import changed
from ..envs.core.step import Step
from .objectives.objective import Measure, Objective
from .recording import Recording

Interval = Literal["episode"] | int


@dataclass(frozen=True)
class GameStep:
    """What one step of the game brings, beyond the market's own step.

    Attributes:
        rewards: group name -> ``(B, N)``.
        quantities: path quantities of the market, name -> ``(B, …)``.
        terminated, truncated: end of the episode, ``(B,)`` NumPy bool.
        interval_ended: copies whose leader interval ended with this step, ``(B,)`` NumPy bool.
        leader_reward: objective of the ended intervals, ``(B,)``, in θ's namespace and with its
            gradient; zero elsewhere.
    """

    rewards: dict[str, Array]
    quantities: dict[str, Array]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    interval_ended: NDArray[np.bool_]
    leader_reward: Array


class StackelbergGame:
    """B copies of a market under a leader.

    The caller asks `leader_turn`, sets θ there with `set_theta`, steps, and restarts the copies
    whose episode has ended. What changes is `market_state`, `interval_clock`, `led` and the
    recorded path; `state` and `restore` give and take all four.

    A θ that is a tensor takes the game into its namespace and onto its device: its gradient reaches
    the leader's reward, where market and objective are differentiable.

    Attributes:
        led: copies in which the leader sets θ, ``(B,)`` bool, and not somebody at random; all of
            them unless the caller says so. Objectives that compare copies compare alike ones.

    Args:
        market: the physics.
        objective: what the leader is paid for.
        interval: follower steps between two settings of θ, or ``"episode"``. An interval also ends
            with its episode.
        measure: of the objective, where it is bound already; what it compares with may have taken
            long to prepare.

    Raises:
        PacesetterError: an interval longer than an episode, or an unfit objective.
    """

    def __init__(
        self,
        market: Market,
        objective: Objective,
        interval: Interval = "episode",
        measure: Measure | None = None,
    ):
        steps = market.steps_per_episode if interval == "episode" else int(interval)
        if not 1 <= steps <= market.steps_per_episode:
            raise PacesetterError(
                f"leader.interval must lie between 1 and the {market.steps_per_episode} steps of "
                f"an episode of market {market.name!r}, got {interval}; 'episode' sets θ once per "
                "episode."
            )
        self.market = market
        self.interval_steps = steps
        self._measure = measure or objective.measure(market, steps)
        self.market_state: Any = None
        self.interval_clock: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.led: NDArray[np.bool_] = np.ones(0, dtype=bool)
        self._path = Recording(steps)

    @property
    def copies(self) -> int:
        """B."""
        return len(self.interval_clock)

    def reset(self, seed: int, copies: int, theta: Any = None) -> None:
        """Start `copies` episodes; see `Market.reset`."""
        self.market_state = self.market.reset(seed, copies, theta)
        self.interval_clock = np.zeros(copies, dtype=np.int64)
        self.led = np.ones(copies, dtype=bool)
        self._path = Recording(self.interval_steps)

    def restart(self, finished: NDArray[np.bool_]) -> None:
        """Start a new episode in the copies where `finished`, ``(B,)`` bool, holds.

        An interval that was still running there is dropped unpaid.
        """
        finished = detached(finished)
        self.market_state = self.market.restart(self.market_state, finished)
        self.interval_clock = np.where(finished, 0, self.interval_clock)

    def leader_turn(self) -> NDArray[np.bool_]:
        """Copies where θ is to be set now, ``(B,)`` bool."""
        return self.interval_clock == 0

    def set_theta(self, theta: Array, rows: NDArray[np.bool_]) -> None:
        """Set θ in the copies where `rows`, ``(B,)`` bool, holds.

        Args:
            theta: ``(B, d)``, within bounds; other rows are ignored.
            rows: NumPy bool, as from `leader_turn`.

        Raises:
            PacesetterError: a tensor, and the market runs in NumPy alone.
        """
        state = self.market_state
        if not rows.all():
            like = theta if is_tensor(theta) else state.theta
            chosen, new, old = (convert(x, like) for x in (rows[:, None], theta, state.theta))
            theta = namespace(like).where(chosen, new, old)
        self.market_state = self.market.with_theta(state, theta)

    def step(self, actions: Actions) -> GameStep:
        """Step the market and keep the leader's account."""
        step = self.market.step(self.market_state, actions)
        self.market_state = step.state
        self._path.write(self._measure.record(step), self.interval_clock)
        self.interval_clock = self.interval_clock + 1
        terminated, truncated = detached(step.terminated), detached(step.truncated)
        ended = (self.interval_clock == self.interval_steps) | terminated | truncated
        reward = self._settle(ended) if ended.any() else self._nothing()
        return GameStep(step.rewards, step.quantities, terminated, truncated, ended, reward)

    def quiet_steps(self) -> int:
        """Steps from now on in which surely no interval and no episode ends, if none ends early."""
        left = self.interval_steps - 1 - self.interval_clock
        clock = detached(self.market_state.clock)
        return int(min(left.min(), (self.market.steps_per_episode - 1 - clock).min()))

    def follow(
        self, after: Any, rewards: Mapping[str, Array], quantities: Mapping[str, Array]
    ) -> None:
        """Take over k quiet steps of the market that were played elsewhere, in NumPy.

        Args:
            after: state of the market after them.
            rewards: group name -> ``(k, B, N)``.
            quantities: path quantities, name -> ``(k, B, …)``.
        """
        steps, copies = next(iter(rewards.values())).shape[:2]

        def flat(values: Mapping[str, Array]) -> dict[str, Array]:
            return {name: v.reshape(steps * copies, *v.shape[2:]) for name, v in values.items()}

        never = np.zeros(steps * copies, dtype=bool)
        theta = np.tile(after.theta, (steps, 1))
        step = Step(changed(after, theta=theta), flat(rewards), flat(quantities), never, never)
        recorded = self._measure.record(step)
        self._path.write_many(
            {name: v.reshape(steps, copies, *v.shape[1:]) for name, v in recorded.items()},
            self.interval_clock,
        )
        self.market_state = after
        self.interval_clock = self.interval_clock + steps

    def _nothing(self) -> Array:
        """A leader's reward of zero in every copy, ``(B,)``."""
        theta = self.market_state.theta
        xp = namespace(theta)
        if xp is np:
            return np.zeros(self.copies)
        return xp.zeros_like(theta[:, 0])

    def _settle(self, ended: NDArray[np.bool_]) -> Array:
        """Pay the ended intervals; alike copies with intervals of one length together."""
        reward = self._nothing()
        for steps, led in product(np.unique(self.interval_clock[ended]), (True, False)):
            rows = ended & (self.interval_clock == steps) & (self.led == led)
            if not rows.any():
                continue
            part = slice(None) if rows.all() else np.flatnonzero(rows)
            reward[part] = converted(self._measure.value(self._path.of(part, steps)), reward)
        self.interval_clock = np.where(ended, 0, self.interval_clock)
        return reward

    def state(self) -> dict[str, Any]:
        """Everything that changes, to go on from exactly."""
        return {
            "market_state": self.market_state,
            "interval_clock": self.interval_clock,
            "led": self.led,
            "path": self._path.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.market_state = state["market_state"]
        self.interval_clock = state["interval_clock"]
        self.led = state["led"]
        self._path = Recording(self.interval_steps)
        self._path.restore(state["path"])
