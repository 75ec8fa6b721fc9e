"""The act-step loop on a device: T steps of B copies, all at the same place of their episodes.

Everything it reads (θ, shocks, noise, weights) is on the device when it begins, and everything it
brings stays there; between nothing is asked of the device, so that the whole loop may be one graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from ....envs.core.arrays import Array
from ....envs.core.market import Market
from ....envs.core.random_streams import Shock
from ....envs.core.state import changed
from ....leaders.objectives.objective import Measure
from .mirror import Mirror
from .recording import DeviceRecorder

STREAMS = ("step_stream", "reset_stream")


class Horizon:
    """The tensors of T steps, and the loop over them.

    Attributes:
        theta: what is set at the k-th turn of the leader within the horizon, ``(K, B, d)``.
        recorders: group name -> its experience.
        state: of the market, before and after the horizon; tensors that keep their places.
        path: what the objective records of every step, name -> ``(T, B, …)``.
        sums: of every path quantity over the steps of the horizon, name -> ``(B, …)``.
        early: whether an episode ended before its horizon, one number.

    Args:
        market, measure: what is played, and what is recorded for its leader.
        recorders: of the groups.
        steps, copies: T and B.
        interval: steps between two turns of the leader.
        device: of everything.
    """

    def __init__(
        self,
        market: Market,
        measure: Measure,
        recorders: dict[str, DeviceRecorder],
        steps: int,
        copies: int,
        interval: int,
        device: torch.device,
    ):
        self._market, self._measure, self.recorders = market, measure, recorders
        self.steps, self.copies, self.interval, self.device = steps, copies, interval, device
        self.episode = market.steps_per_episode
        most = steps // min(interval, self.episode) + steps // self.episode + 2
        self.theta = torch.zeros((most, copies, len(market.characteristics)), device=device)
        self.shocks = _buffers(market.step_shocks, (steps, copies), device)
        begun = steps // self.episode + 2
        self.begun = _buffers(market.reset_shocks, (begun, copies), device)
        self.state: Any = None
        self.path: dict[str, Tensor] = {}
        self.sums: dict[str, Tensor] = {}
        self.early = torch.zeros((), dtype=torch.bool, device=device)

    # Where a step is in its episode --------------------------------------------------------------

    def clock(self, first: int, time: int) -> int:
        """Steps of the episode before step `time`, of a horizon that begins at `first`."""
        return (first + time) % self.episode

    def turn(self, first: int, time: int) -> bool:
        """Whether the leader sets θ before this step."""
        return self.clock(first, time) % self.interval == 0

    def closes(self, first: int, time: int) -> bool:
        """Whether an interval ends with this step."""
        return self.turn(first, time + 1)

    def ended(self, first: int, time: int) -> bool:
        """Whether an episode ends with this step."""
        return self.clock(first, time + 1) == 0

    def turns(self, first: int, until: int | None = None) -> int:
        """How many turns there are before a step, or in all."""
        return sum(self.turn(first, t) for t in range(self.steps if until is None else until))

    def starts(self, first: int, until: int) -> int:
        """How many episodes begin before a step."""
        return sum(self.clock(first, t) == 0 for t in range(until))

    def looked_up(self, first: int) -> list[int]:
        """Steps after which a value is looked up: cut episodes, and the last step."""
        terminates = self._market.ends_at_horizon
        last = self.steps - 1
        return [
            t
            for t in range(self.steps)
            if (t == last or self.ended(first, t)) and not (terminates and self.ended(first, t))
        ]

    # Work ----------------------------------------------------------------------------------------

    def draw(self, generator: torch.Generator, first: int) -> None:
        """All random numbers of the coming horizon."""
        for shocks, kinds in (
            (self.shocks, self._market.step_shocks),
            (self.begun, self._market.reset_shocks),
        ):
            for name, tensor in shocks.items():
                if kinds[name].kind == "normal":
                    tensor.normal_(generator=generator)
                else:
                    tensor.uniform_(generator=generator)
        for recorder in self.recorders.values():
            recorder.draw(generator)

    def enter(self, theta: Tensor) -> None:
        """Make all tensors, by an episode's first step under θ ``(B, d)`` that nobody counts.

        Raises:
            Exception: the market cannot do in torch what it does in NumPy.
        """
        market = self._market
        zeros = {name: value[0] for name, value in self.begun.items()}
        state = market.begin(theta, zeros)
        whole = torch.contiguous_format
        kept = {n: t.clone(memory_format=whole) for n, t in _tensors(state).items()}
        self.state = changed(state, **kept)
        market.observe(state)
        actions = {n: torch.zeros_like(r.first_action) for n, r in self.recorders.items()}
        step = market.transition(state, actions, {n: v[0] for n, v in self.shocks.items()})
        for name, value in self._measure.record(step).items():
            self.path[name] = torch.zeros(
                (self.steps, *value.shape), dtype=value.dtype, device=self.device
            )
        self.sums = {n: torch.zeros_like(v) for n, v in step.quantities.items()}

    def begin_sums(self) -> None:
        """Start counting."""
        for value in self.sums.values():
            value.zero_()

    @torch.no_grad()
    def play(
        self, mirrors: Mapping[str, Mirror], first: int, start: int, end: int, begun: bool = False
    ) -> None:
        """Steps from `start` to `end` of a horizon; see the class.

        Args:
            mirrors: group name -> its network.
            first: steps of the episode before the horizon.
            start, end: of the steps.
            begun: the first of them needs no new episode, as there is one already.
        """
        state = self.state
        for time in range(start, end):
            if self.clock(first, time) == 0 and not (begun and time == start):
                state = self.restarted(state, first, time)
            if self.turn(first, time):
                state = self._market.with_theta(state, self.theta[self.turns(first, time)])
            state = self._step(state, mirrors, first, time)
        self.keep(state)

    def restarted(self, state: Any, first: int, time: int) -> Any:
        """A new episode in all copies, before a step."""
        number = self.starts(first, time)
        return self._market.begin(state.theta, {n: v[number] for n, v in self.begun.items()})

    def _step(self, state: Any, mirrors: Mapping[str, Mirror], first: int, time: int) -> Any:
        market = self._market
        seen = market.observe(state)
        prices: dict[str, Array] = {}
        if any(recorder.pays_information for recorder in self.recorders.values()):
            prices = market.information_costs(state)
        actions = {
            name: recorder.act(time, mirrors[name], seen[name], prices.get(name))
            for name, recorder in self.recorders.items()
        }
        step = market.transition(state, actions, {n: v[time] for n, v in self.shocks.items()})
        for name, recorder in self.recorders.items():
            recorder.reward(time, step.rewards[name])
        for name, value in self._measure.record(step).items():
            self.path[name][time] = value
        for name, value in step.quantities.items():
            self.sums[name].add_(value)
        if not self.ended(first, time):
            self.early.logical_or_((step.terminated | step.truncated).any())
        if time in self.looked_up(first):
            after = market.observe(step.state)
            for name, recorder in self.recorders.items():
                recorder.look_up_after(time, after[name])
        return step.state

    def keep(self, state: Any) -> None:
        """Write a state into the tensors that keep their places."""
        mine = _tensors(self.state)
        held = {tensor.untyped_storage().data_ptr() for tensor in mine.values()}
        new = _tensors(state)
        for name, value in new.items():
            if value is not mine[name] and value.untyped_storage().data_ptr() in held:
                new[name] = value.clone()  # it may be overwritten before it is read
        for name, value in new.items():
            if value is not mine[name]:
                mine[name].copy_(value)


def _tensors(state: Any) -> dict[str, Tensor]:
    return {f.name: getattr(state, f.name) for f in fields(state) if f.name not in STREAMS}


def tensors_of(state: Any) -> dict[str, Tensor]:
    """The tensors of a state of the market, field -> ``(B, …)``."""
    return _tensors(state)


def _buffers(
    shocks: Mapping[str, Shock], shape: tuple[int, ...], device: torch.device
) -> dict[str, Tensor]:
    return {
        name: torch.zeros((*shape, *shock.shape), device=device) for name, shock in shocks.items()
    }
