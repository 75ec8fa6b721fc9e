"""Steps in which nothing but playing happens, for markets that step in a compiled loop.

Between two settings of θ and two ends of episodes a sampler acts and steps, over and over. Where
the market has compiled loops, and the network and its bounds are such as these know, all of these
steps are one call. The random numbers are those that single steps would use; what is computed from
them is the same up to the market's own `rounding`, and with smooth bounds up to that of tanh.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch

from ...envs.core.kernels.steps import CompiledSteps
from ...envs.core.random_streams import ShockLayout
from ...envs.core.state import changed
from ...leaders.game import StackelbergGame
from ..backend import SampleAccount
from ..compiled.horizon import horizon
from ..experiments.experiment import Experiment
from ..policies.inference import block_size, parameters_of, shape_of
from ..policies.network import ActorCritic
from .recording import FollowerRecorder

FEWEST = 2  # steps that are worth a call
KNOWN_BOUNDS = ("clipped", "smooth")
TOGETHER = 16  # normals that torch makes at once, whatever comes before and after them


class QuietLoop:
    """Plays one market with its one group of followers.

    Args:
        experiment: what is played.
        steps: of the market.
    """

    def __init__(self, experiment: Experiment, steps: CompiledSteps):
        market = experiment.market
        (self._group,) = market.groups
        self._steps, self._layout = steps, ShockLayout(market.step_shocks)
        box = self._group.action_space
        self._low, self._span = box.low, box.high - box.low
        settings = experiment.followers_of(self._group.name)
        self._smooth = settings.action_bounds == "smooth"
        self._loop = horizon(steps.observe, steps.step)

    @classmethod
    def of(cls, experiment: Experiment) -> Self | None:
        """The loop of an experiment; None where steps are taken one by one."""
        steps = experiment.market.compiled_steps
        if steps is None or len(experiment.market.groups) != 1:
            return None
        settings = experiment.followers_of(experiment.market.groups[0].name)
        plain = settings.action_bounds in KNOWN_BOUNDS and settings.kl_coefficient == 0
        return cls(experiment, steps) if plain else None

    def play(
        self,
        game: StackelbergGame,
        modules: Mapping[str, ActorCritic],
        recorders: Mapping[str, FollowerRecorder],
        time: int,
        most: int,
        generator: torch.Generator,
        account: SampleAccount,
    ) -> int:
        """Play at most so many quiet steps; how many there were.

        Args:
            game: is taken on.
            modules: the policies.
            recorders: get the experience, from index `time` on.
            time: index of the first step.
            most: of them; none if it is too few.
            generator: of the actions.
            account: of the sample.
        """
        name, total = self._group.name, 0
        module = modules[name]
        if shape_of(module.actor).activation is None:
            return 0
        while most - total >= FEWEST:
            state = game.market_state
            ahead = state.step_stream.ahead(self._layout, most - total)
            if ahead is None:
                break
            draws, at, number = ahead
            memory = self._steps.packed(state)
            rewards, quantities = self._call(
                memory, state.theta, draws, at, number, module, recorders[name], time, generator
            )
            after = changed(
                state,
                **self._steps.unpacked(memory),
                clock=state.clock + number,
                step_stream=state.step_stream.after(draws, number),
            )
            game.follow(after, {name: rewards}, quantities)
            account.add_many({name: rewards}, quantities)
            time, total = time + number, total + number
        return total

    def _call(
        self,
        memory: Any,
        theta: Any,
        draws: Any,
        at: int,
        number: int,
        module: ActorCritic,
        recorder: FollowerRecorder,
        time: int,
        generator: torch.Generator,
    ) -> tuple[Any, dict[str, Any]]:
        """So many steps in one call; rewards ``(T, B, N)`` and quantities ``(T, B)``."""
        room = recorder.room(time, number)
        _, copies, agents, entries = room.actions.shape
        noise = _normals((number, copies * agents, entries), generator)
        assert module.log_deviation is not None
        log_deviation = module.log_deviation.detach().expand_as(noise[0]).contiguous()
        activation, widths, _ = shape_of(module.actor)
        rewards = np.empty((number, copies, agents))
        quantities = self._steps.room((number, copies), agents)
        self._loop(
            *(memory, theta, draws, at, self._steps.constants),
            *(noise.numpy(), log_deviation.exp().numpy()),
            *(parameters_of(module.actor), widths, activation, block_size(copies * agents)),
            *(self._low, self._span, self._smooth),
            *(room.observations, room.actions, rewards, quantities),
        )
        recorder.fill(room, noise, log_deviation, rewards)
        return rewards, self._steps.named(quantities)


def _normals(shape: tuple[int, int, int], generator: torch.Generator) -> torch.Tensor:
    """What one draw per step would give, ``(T, n, A)``."""
    if shape[1] * shape[2] % TOGETHER == 0:
        return torch.randn(shape, generator=generator)
    noise = torch.empty(shape)
    for one in noise:
        torch.randn(one.shape, generator=generator, out=one)
    return noise
