"""Sampling on a device: the other is `ppo.sampler.Sampler`, whose place this takes.

Random numbers come from one generator on the device, so that samples are equal in distribution to
those of the other, and not number by number. All copies are at the same place of their episodes:
what happens when is known beforehand, and the device need not be asked. Values of θ that nobody
chooses are drawn as there, and are on the device before a horizon begins. A policy leader decides
in main memory, once per interval: its turns divide a horizon.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....envs.core.errors import PacesetterError
from ....envs.core.group import LEADER
from ....leaders.game import GameStep
from ...backend import SampleReport
from ...experiments.experiment import Experiment
from ...policies.network import ActorCritic
from ...policies.step_limit import StepLimit
from ...policies.turns import Turns
from ..recording import LeaderRecorder
from ..rollout import ArrayRollout
from ..seeds import seed_of
from .graphs import MOST_GRAPHS, Captured
from .horizon import Horizon, tensors_of
from .intervals import Intervals
from .mirror import Mirror, mirror_of
from .place import device_of
from .recording import DeviceRecorder

Modules = Mapping[str, ActorCritic]


class DeviceSampler:
    """Steps a market on a device; see the module's docstring.

    Args:
        experiment: what is played.
        worker: number of the env runner; 0, as there is but one.

    Attributes:
        lost: always empty: every episode goes on from a checkpoint.

    Raises:
        PacesetterError: the device is absent or too small, or the market fails in torch.
    """

    lost = ""

    def __init__(self, experiment: Experiment, worker: int = 0):
        self.experiment = experiment
        settings, market = experiment.training, experiment.market
        self.device = device_of(experiment)
        torch.backends.cuda.matmul.allow_tf32 = settings.tf32
        seed = seed_of(experiment, worker)
        self._generator = torch.Generator(device=self.device).manual_seed(seed)
        self._leader_generator = torch.Generator().manual_seed(seed + 1)  # on a processor, too
        self._prior_generator = np.random.default_rng([seed, 1])
        game = experiment.game()
        self._interval = min(game.interval_steps, market.steps_per_episode)
        recorders = {
            group.name: DeviceRecorder(
                group,
                settings.rollout_steps,
                settings.copies,
                experiment.followers_of(group.name),
                self.device,
            )
            for group in market.groups
        }
        self._horizon = Horizon(
            market,
            experiment.measure,
            recorders,
            settings.rollout_steps,
            settings.copies,
            self._interval,
            self.device,
        )
        entries = len(market.characteristics)
        self._assigned = np.zeros((settings.copies, entries))
        self._interval_theta = market.characteristics.validate(None, settings.copies)
        self._enter()
        self._leader: LeaderRecorder | None = None
        if (policy := experiment.leader.policy) is not None:
            once = self._interval == market.steps_per_episode and policy.largest_step is None
            self._leader = LeaderRecorder(Turns(market, policy), entries, settings.copies, once)
        self._led, self._clock, self._samples_in_phase = 0, 0, 0
        self._intervals = Intervals(self._horizon, experiment.measure)
        self._graphs: dict[Any, Captured] = {}
        self._report: SampleReport | None = None

    @torch.no_grad()
    def _enter(self) -> None:
        market = self.experiment.market
        theta = torch.as_tensor(self._interval_theta, dtype=torch.float32, device=self.device)
        try:
            self._horizon.enter(theta)
        except Exception as error:  # the code is the market's, and torch says why
            raise PacesetterError(
                f"training.device: {self.device.type}, and market {market.name!r} fails in torch "
                f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}). "
                "Mend its transition ('pacesetter check' shows where), or leave training.device "
                "out."
            ) from error

    # What the trainer asks of it ----------------------------------------------------------------

    def lead(self, copies: int) -> None:
        """See `Sampler.lead`."""
        if copies != self._led:
            self._led = copies
            self._samples_in_phase = 0
            if self._leader is not None:
                self._leader.drop_open()

    def assign(self, theta: NDArray[np.float64]) -> None:
        """See `Sampler.assign`."""
        self._assigned[: self._led] = theta

    def take_report(self) -> SampleReport | None:
        """What happened in the last sample."""
        return self._report

    # Sampling -----------------------------------------------------------------------------------

    @torch.no_grad()
    def sample(self, modules: Modules) -> ArrayRollout:
        """T steps of every copy, with actions drawn from the modules."""
        horizon, first = self._horizon, self._clock
        mirrors = {name: mirror_of(modules[name], self.device) for name in horizon.recorders}
        horizon.draw(self._generator, first)
        horizon.begin_sums()
        self._intervals.begin()
        if self._leader is None:
            self._with_search_leader(mirrors)
        else:
            self._with_policy_leader(mirrors, modules[LEADER])
        self._intervals.end()
        looked = horizon.looked_up(first)
        times = range(horizon.steps)
        ended = [horizon.ended(first, t) for t in times]
        over = [e and self.experiment.market.ends_at_horizon for e in ended]
        rollouts = {n: r.rollout(over, ended, looked) for n, r in horizon.recorders.items()}
        self._report = self._reported()
        self._clock = horizon.clock(first, horizon.steps)
        agent_steps = sum(rollout.rewards.numel() for rollout in rollouts.values())
        self._add_leader(rollouts)
        return ArrayRollout(rollouts, horizon.steps * horizon.copies, agent_steps)

    def _with_search_leader(self, mirrors: Mapping[str, Mirror]) -> None:
        """The whole horizon, with every θ that is set in it known beforehand."""
        horizon, first = self._horizon, self._clock
        stands = [self._interval_theta]
        for turn in range(horizon.turns(first)):
            stands.append(self._theta(self._assigned))
            self._set(horizon.theta[turn], stands[-1])
        with StepLimit(self._limit) as limit:
            limit.begin()
            self._play(mirrors, first, 0, horizon.steps, begun=False)
        self._interval_theta = stands[-1]
        for time in filter(lambda t: horizon.closes(first, t), range(horizon.steps)):
            self._intervals.close(first, time, self._led, stands[horizon.turns(first, time + 1)])

    def _with_policy_leader(self, mirrors: Mapping[str, Mirror], module: ActorCritic) -> None:
        """From turn to turn, with a leader in main memory that acts in between."""
        horizon, first, steps = self._horizon, self._clock, self._horizon.steps
        turns = [t for t in range(steps) if horizon.turn(first, t)]
        starts = sorted({0, *turns})
        with StepLimit(self._limit) as limit:
            for start, end in zip(starts, [*starts[1:], steps], strict=True):
                limit.begin()
                if start in turns:
                    self._turn(module, start)
                self._play(mirrors, first, start, end, begun=True)
                if horizon.closes(first, end - 1):
                    self._close(end - 1)

    @property
    def _limit(self) -> float:
        """Seconds that a horizon may take: those of all its steps."""
        training = self.experiment.training
        return training.step_timeout_seconds * training.rollout_steps

    def _play(
        self, mirrors: Mapping[str, Mirror], first: int, start: int, end: int, begun: bool
    ) -> None:
        key = (first, start, end, begun, *(id(mirror) for mirror in mirrors.values()))
        if key not in self._graphs:
            wanted = self.experiment.training.cuda_graphs and len(self._graphs) < MOST_GRAPHS
            self._graphs[key] = Captured(
                lambda: self._horizon.play(mirrors, first, start, end, begun),
                self.device,
                wanted,
                f"the steps of market {self.experiment.market.name!r}",
            )
        self._graphs[key]()

    def _theta(self, led: NDArray[Any]) -> NDArray[Any]:
        """θ at a turn: the given one where the leader leads, a random one elsewhere."""
        copies = self._horizon.copies
        if self._led == copies:
            return led.copy()
        drawn = self.experiment.market.characteristics.draw(self._prior_generator, copies)
        return np.where(np.arange(copies)[:, None] < self._led, led, drawn)

    def _turn(self, module: ActorCritic, time: int) -> None:
        """A policy leader's turn, before a step; its copies' new episode has begun by then."""
        horizon, first = self._horizon, self._clock
        assert self._leader is not None
        copies = horizon.copies
        if horizon.clock(first, time) == 0:
            horizon.keep(horizon.restarted(horizon.state, first, time))
            self._begin_elsewhere()
        theta = self._assigned
        if self._led:
            led = np.arange(copies) < self._led
            theta = self._leader.act(module, horizon.state, led, self._leader_generator)
        self._interval_theta = self._theta(theta)
        self._set(horizon.theta[horizon.turns(first, time)], self._interval_theta)

    def _begin_elsewhere(self) -> None:
        """See `Sampler._begin_elsewhere`."""
        policy, copies = self.experiment.leader.policy, self._horizon.copies
        if policy is None or policy.largest_step is None:
            return
        drawn = self._prior_generator.random(copies) < policy.restart_share
        rows = (np.arange(copies) < self._led) & drawn
        if rows.any():
            space = self.experiment.market.characteristics
            new = space.draw(self._prior_generator, copies)
            theta = np.where(rows[:, None], new, self._horizon.state.theta.cpu().numpy())
            self._set(self._horizon.state.theta, theta)

    def _set(self, tensor: Tensor, values: NDArray[Any]) -> None:
        tensor.copy_(torch.as_tensor(values, dtype=torch.float32))

    # The leader's intervals ----------------------------------------------------------------------

    def _close(self, time: int) -> None:
        """Tell a policy leader of the interval that ended with a step."""
        horizon, first = self._horizon, self._clock
        assert self._leader is not None
        values = self._intervals.close(first, time, self._led, self._interval_theta)
        everywhere = np.ones(horizon.copies, dtype=bool)
        ended = everywhere & horizon.ended(first, time)
        terminated = ended & self.experiment.market.ends_at_horizon
        step = GameStep({}, {}, terminated, ended & ~terminated, everywhere, values.cpu().numpy())
        self._leader.close(step, horizon.state)

    def _add_leader(self, rollouts: dict[str, Any]) -> None:
        """See `Sampler._add_leader`."""
        leader = self.experiment.leader
        if self._leader is None or leader.policy is None or not self._led:
            return
        self._samples_in_phase += 1
        if self._samples_in_phase % leader.update_every == 0:
            rollout = self._leader.rollout(leader.policy.kl_coefficient > 0)
            if rollout is not None:
                rollouts[LEADER] = rollout

    def _reported(self) -> SampleReport:
        """Everything that is reported, in one copy from the device."""
        horizon, led = self._horizon, self._led
        rows = slice(0, led) if led else slice(None)
        means = [mean.double() for r in horizon.recorders.values() for mean in r.means()]
        quantities = [value[rows].double().mean() for value in horizon.sums.values()]
        flags = [horizon.early.double()]
        told = torch.cat([torch.stack([*flags, *means, *quantities]), *self._intervals.values])
        fetched = told.cpu()
        numbers = iter(fetched[: 1 + len(means) + len(quantities)].tolist())
        values = fetched[1 + len(means) + len(quantities) :].numpy()
        if next(numbers):
            raise PacesetterError(
                f"market {self.experiment.market.name!r} ended an episode before its horizon and "
                "does not say that it may: let its property ends_early be True, and train it "
                "without training.device."
            )
        pairs = {name: (next(numbers), next(numbers)) for name in horizon.recorders}
        led_values, led_theta, random_values = self._intervals.of_leader(led, values)
        return SampleReport(
            returns={name: pair[0] for name, pair in pairs.items()},
            net_returns={name: pair[1] for name, pair in pairs.items()},
            led_values=led_values,
            led_theta=led_theta,
            random_values=random_values,
            quantities={name: next(numbers) / horizon.steps for name in horizon.sums},
        )

    # State --------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Markets, generators and open intervals, in main memory."""
        return {
            "market": {n: _stored(t) for n, t in tensors_of(self._horizon.state).items()},
            "clock": self._clock,
            "led": self._led,
            "open": self._intervals.state(),
            "generator": self._generator.get_state().numpy(),
            "leader_generator": self._leader_generator.get_state().numpy(),
            "prior_generator": self._prior_generator.bit_generator.state,
            "assigned": self._assigned.copy(),
            "interval_theta": self._interval_theta,
            "samples_in_phase": self._samples_in_phase,
            "leader": None if self._leader is None else self._leader.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name, tensor in tensors_of(self._horizon.state).items():
            tensor.copy_(torch.from_numpy(state["market"][name].copy()))
        self._clock, self._led = state["clock"], state["led"]
        self._intervals.restore(state["open"])
        self._generator.set_state(torch.from_numpy(state["generator"].copy()))
        self._leader_generator.set_state(torch.from_numpy(state["leader_generator"].copy()))
        self._prior_generator.bit_generator.state = state["prior_generator"]
        self._assigned, self._interval_theta = state["assigned"].copy(), state["interval_theta"]
        self._samples_in_phase = state["samples_in_phase"]
        if self._leader is not None:
            self._leader.restore(state["leader"])


def _stored(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy().copy()
