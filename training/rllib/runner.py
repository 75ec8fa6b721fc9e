"""The env runner of the array path: a `Sampler` where RLlib expects an env runner.

RLlib builds it through ``env_runners(env_runner_cls=GameRunner)``, in the main process or as remote
actors.
"""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import ray
from numpy.typing import NDArray
from ray.rllib.core import COMPONENT_RL_MODULE
from ray.rllib.env import INPUT_ENV_SINGLE_SPACES, INPUT_ENV_SPACES
from ray.rllib.env.env_runner import EnvRunner
from ray.rllib.utils.checkpoints import Checkpointable
from ray.rllib.utils.metrics import (
    NUM_AGENT_STEPS_SAMPLED,
    NUM_AGENT_STEPS_SAMPLED_LIFETIME,
    NUM_ENV_STEPS_SAMPLED,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    NUM_MODULE_STEPS_SAMPLED,
    NUM_MODULE_STEPS_SAMPLED_LIFETIME,
    SAMPLE_TIMER,
    WEIGHTS_SEQ_NO,
)

from ..backend import SampleReport
from ..experiments.experiment import Experiment
from ..policies.specification import module_spaces
from ..policies.threads import limit_threads
from ..ppo.choice import sampler_of
from ..ppo.device.sampler import DeviceSampler
from ..ppo.rollout import ArrayRollout
from ..ppo.sampler import Sampler
from .remote.runners import TellsErrors


class GameRunner(TellsErrors, EnvRunner, Checkpointable):
    """Samples for RLlib; see the module's docstring.

    ``config.env_config["experiment"]`` holds the `Experiment`.

    Attributes:
        whole: whether the game is between two samples; not so after a failure within one, and in
            a runner that has been started anew and has not been told where to go on.
    """

    def __init__(self, *, config: Any, **kwargs: Any):
        super().__init__(config=config, **kwargs)
        self.experiment: Experiment = self.config.env_config["experiment"]
        limit_threads(self.experiment.training.torch_threads)
        self._weights_seq_no = 0
        self.module: Any = None
        self.sampler: Sampler | DeviceSampler | None = None
        self.whole = False
        samples_here = (self.worker_index or 0) > 0 or self.config.num_env_runners == 0
        if samples_here:
            self.make_env()
        self.make_module()

    # What RLlib asks of a runner ----------------------------------------------------------------

    def make_env(self) -> None:
        """Build the game and the generators, all seeded from the experiment and the runner."""
        self.sampler = sampler_of(self.experiment, self.worker_index or 0)

    def make_module(self) -> None:
        """Build the actors alone: values are the learner's business."""
        spec = self.config.get_multi_rl_module_spec(spaces=self.get_spaces(), inference_only=True)
        # RLlib passes the flag on to default specs alone; ours would come with idle critics.
        spec.inference_only = True
        for one in spec.rl_module_specs.values():
            one.inference_only = True
        self.module = spec.build()
        self.module.foreach_module(lambda name, module: module.eval())

    def get_spaces(self) -> dict[str, Any]:
        """Spaces of all modules, and of the game as a whole."""
        spaces = module_spaces(self.experiment)
        observation = gym.spaces.Dict({name: pair[0] for name, pair in spaces.items()})
        action = gym.spaces.Dict({name: pair[1] for name, pair in spaces.items()})
        whole = (observation, action)
        return {INPUT_ENV_SPACES: whole, INPUT_ENV_SINGLE_SPACES: whole, **spaces}

    def assert_healthy(self) -> None:
        """RLlib's liveness probe."""
        assert self.module is not None

    def stop(self) -> None:
        """Nothing to close."""

    def get_metrics(self) -> Any:
        """Counters that RLlib's training step reads."""
        return self.metrics.reduce()

    # What the trainer asks of it ----------------------------------------------------------------

    @property
    def lost(self) -> str:
        """Why episodes of a checkpoint had to begin anew; empty if none had."""
        return self.sampler.lost if self.sampler is not None else ""

    def lead(self, copies: int) -> None:
        """See `Sampler.lead`."""
        assert self.sampler is not None
        self.sampler.lead(copies)

    def assign(self, theta: NDArray[np.float64]) -> None:
        """See `Sampler.assign`."""
        assert self.sampler is not None
        self.sampler.assign(theta)

    def take_report(self) -> SampleReport | None:
        """What happened in the last sample."""
        return self.sampler.take_report() if self.sampler is not None else None

    def sample(self, **kwargs: Any) -> list[ArrayRollout]:
        """T steps of every copy as one `ArrayRollout`."""
        assert self.sampler is not None
        self.whole = False
        with self.metrics.log_time(SAMPLE_TIMER):
            rollout = self.sampler.sample(self.module)
        self._count(rollout)
        report = self.sampler.take_report()
        rollout.report = (self.worker_index or 0, report) if report else None
        self.whole = True
        return [rollout]

    def _count(self, rollout: ArrayRollout) -> None:
        """The counters that RLlib's training step waits for and schedules by."""
        log = self.metrics.log_value
        log(NUM_ENV_STEPS_SAMPLED, rollout.env_steps(), reduce="sum")
        log(
            NUM_ENV_STEPS_SAMPLED_LIFETIME,
            rollout.env_steps(),
            reduce="lifetime_sum",
            with_throughput=True,
        )
        for name, part in rollout.modules.items():
            for key in (NUM_MODULE_STEPS_SAMPLED, NUM_AGENT_STEPS_SAMPLED):
                log((key, name), math.prod(part.rewards.shape), reduce="sum")
            for key in (NUM_MODULE_STEPS_SAMPLED_LIFETIME, NUM_AGENT_STEPS_SAMPLED_LIFETIME):
                log((key, name), math.prod(part.rewards.shape), reduce="lifetime_sum")
        log(WEIGHTS_SEQ_NO, self._weights_seq_no, window=1)
        self.num_env_steps_sampled_lifetime += rollout.env_steps()

    # State --------------------------------------------------------------------------------------

    def game_state(self) -> dict[str, Any]:
        """Markets, generators and open intervals, and how many steps were sampled."""
        assert self.sampler is not None
        return {"game": self.sampler.state(), "steps": self.num_env_steps_sampled_lifetime}

    def go_back(self, state: dict[str, Any] | None) -> None:
        """Go on from what `game_state` returned; None: from the beginning."""
        self.make_env()
        assert self.sampler is not None
        if state is not None:
            self.sampler.restore(state["game"])
            self.num_env_steps_sampled_lifetime = state["steps"]
        self.whole = True

    def get_state(
        self, components: Any = None, *, not_components: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Weights, markets, generators and open intervals."""
        state: dict[str, Any] = {
            NUM_ENV_STEPS_SAMPLED_LIFETIME: self.num_env_steps_sampled_lifetime
        }
        if self._check_component(COMPONENT_RL_MODULE, components, not_components):
            state[COMPONENT_RL_MODULE] = self.module.get_state(
                components=self._get_subcomponents(COMPONENT_RL_MODULE, components),
                not_components=self._get_subcomponents(COMPONENT_RL_MODULE, not_components),
                **kwargs,
            )
            state[WEIGHTS_SEQ_NO] = self._weights_seq_no
        if self.sampler is not None:
            state["game"] = self.sampler.state()
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over what is in `state`; RLlib also sends parts of it after every update."""
        if COMPONENT_RL_MODULE in state:
            number = state.get(WEIGHTS_SEQ_NO, 0)
            if number == 0 or self._weights_seq_no < number:
                weights = state[COMPONENT_RL_MODULE]
                if isinstance(weights, ray.ObjectRef):
                    weights = ray.get(weights)
                self.module.set_state(weights)
            if number > 0:
                self._weights_seq_no = number
        if NUM_ENV_STEPS_SAMPLED_LIFETIME in state:
            self.num_env_steps_sampled_lifetime = state[NUM_ENV_STEPS_SAMPLED_LIFETIME]
        if "game" in state and self.sampler is not None:
            self.sampler.restore(state["game"])

    def get_ctor_args_and_kwargs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """How RLlib builds a runner from a checkpoint."""
        return (), {"config": self.config}

    def get_checkpointable_components(self) -> list[tuple[str, Any]]:
        """The modules have a state of their own."""
        return [(COMPONENT_RL_MODULE, self.module)]
