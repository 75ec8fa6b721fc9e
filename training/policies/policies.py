"""Trained policies on disk and in use: safetensors and JSON, so that nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ..experiments.experiment import Experiment
from ..runs.whole_files import whole_file, write_json
from . import distributions, inference
from .actions import to_action_space
from .network import ActorCritic
from .specification import LEADER, model_config, module_spaces
from .turns import Turns

OF_CRITIC, CRITICS = "critic.", "critics"
"""Folder beside the policies: they act without critics, and learn on with them."""


class Policies:
    """The policies of one experiment, ready to act; with critics also to learn on.

    Args:
        experiment: whose market and networks they are for.
        modules: module name -> `ActorCritic`, of which the critic is not needed to act.
    """

    def __init__(self, experiment: Experiment, modules: Mapping[str, ActorCritic]):
        self.market: Market = experiment.market
        self.modules = modules
        self._turns = Turns(self.market, experiment.leader.policy)
        self._bounds = {
            group.name: experiment.followers_of(group.name).action_bounds
            for group in self.market.groups
        }

    @classmethod
    def untrained(cls, experiment: Experiment) -> Policies:
        """Freshly initialised networks of the right shapes."""
        modules = {
            name: ActorCritic(
                observation_space=observation,
                action_space=action,
                inference_only=True,
                model_config=model_config(experiment, name),
            ).eval()
            for name, (observation, action) in module_spaces(experiment).items()
        }
        return cls(experiment, modules)

    @classmethod
    def load(cls, experiment: Experiment, folder: Path) -> Policies:
        """Read what `save` wrote, with critics where there are some.

        Raises:
            PacesetterError: a file is missing, damaged, or of another network.
        """
        policies = cls.untrained(experiment)
        for name, module in policies.modules.items():
            with _readable(path := folder / f"{name}.safetensors"):
                module.load_state_dict(load_file(path))
        places = {name: folder / CRITICS / f"{name}.safetensors" for name in policies.modules}
        if not all(path.exists() for path in places.values()):
            return policies
        critics = {}
        for name, path in places.items():
            with _readable(path):
                critics[name] = load_file(path)
        with _readable(folder / CRITICS):
            return policies.with_critics(experiment, critics)

    def with_critics(
        self, experiment: Experiment, critics: Mapping[str, Mapping[str, Tensor]]
    ) -> Policies:
        """The same policies with critics, so that they can go on to learn.

        Args:
            experiment: whose networks they are.
            critics: module name -> its critic's weights, by their names in the module.
        """
        modules = {}
        for name, (observation, action) in module_spaces(experiment).items():
            options = model_config(experiment, name)
            modules[name] = ActorCritic(observation, action, model_config=options).eval()
            acting = actor_weights(self.modules[name])
            modules[name].load_state_dict({**acting, **critics[name]})
        return Policies(experiment, modules)

    def save(self, folder: Path) -> None:
        """Write one safetensors file per module, and what they are for as JSON; critics apart."""
        folder.mkdir(parents=True, exist_ok=True)
        summary = {}
        for name, module in self.modules.items():
            acting = actor_weights(module)
            _write(acting, folder / f"{name}.safetensors")
            if critic := critic_weights(module):
                (folder / CRITICS).mkdir(exist_ok=True)
                _write(critic, folder / CRITICS / f"{name}.safetensors")
            summary[name] = {key: list(value.shape) for key, value in acting.items()}
        write_json(folder / "policies.json", summary)

    @property
    def has_leader(self) -> bool:
        """Whether a leader's policy is among them."""
        return LEADER in self.modules

    @torch.inference_mode()
    def act(
        self, state: Any, generator: torch.Generator, greedy: bool = False
    ) -> dict[str, NDArray[Any]]:
        """Actions of all followers, group -> ``(B, N, …)`` in the group's action space.

        Args:
            state: of the market.
            generator: of the draws.
            greedy: the most likely action instead of a draw.
        """
        actions = {}
        observations = self.market.observe(state)
        for group in self.market.groups:
            observation = np.array(observations[group.name])
            rows = torch.from_numpy(observation).reshape(-1, observation.shape[-1])
            inputs = inference.distribution_inputs(self.modules[group.name], rows)
            discrete = isinstance(group.action_space, Discrete)
            chosen = (
                distributions.most_likely(inputs, discrete)
                if greedy
                else distributions.sample(inputs, discrete, generator).actions
            ).numpy()
            shaped = chosen.reshape(*observation.shape[:2], *chosen.shape[1:])
            actions[group.name] = to_action_space(
                shaped, group.action_space, self._bounds[group.name]
            )
        return actions

    def probabilities(self, group: str, observation: NDArray[np.float32]) -> NDArray[np.float64]:
        """Action probabilities of a Discrete group, ``(n, D)`` to ``(n, actions)``."""
        with torch.inference_mode():
            inputs = inference.distribution_inputs(
                self.modules[group], torch.from_numpy(observation)
            )
            return torch.softmax(inputs.double(), dim=-1).numpy()

    @torch.inference_mode()
    def theta(self, state: Any) -> NDArray[np.float64]:
        """θ that the leader's policy sets on average, ``(B, d)``."""
        observation = np.array(self._turns.sees(state))
        inputs = inference.distribution_inputs(self.modules[LEADER], torch.from_numpy(observation))
        action = distributions.most_likely(inputs, discrete=False).numpy()
        return self._turns.theta(state, action)

    def opening_theta(self) -> NDArray[np.float64]:
        """θ that the leader's policy sets on average at the start of an episode, ``(d,)``."""
        return self.theta(self._start)[0]

    @cached_property
    def _start(self) -> Any:
        return self.market.reset(0)


def actor_weights(module: ActorCritic) -> dict[str, Tensor]:
    """What a network acts by, name -> weights."""
    return {k: v for k, v in module.state_dict().items() if not k.startswith(OF_CRITIC)}


def critic_weights(module: ActorCritic) -> dict[str, Tensor]:
    """The rest of it; empty where there is no critic."""
    return {k: v for k, v in module.state_dict().items() if k.startswith(OF_CRITIC)}


def _write(tensors: Mapping[str, Tensor], path: Path) -> None:
    with whole_file(path) as temporary:
        save_file({key: value.contiguous().clone() for key, value in tensors.items()}, temporary)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise PacesetterError(
            f"{path}: the policy cannot be read ({reason}). The run has not finished, or its "
            "config.yaml was changed; resume it or train again."
        ) from error


@dataclass(frozen=True)
class Trained:
    """A trained experiment, to be measured.

    Attributes:
        experiment: what was trained.
        policies: the result.
        theta: the leader's answer, ``(d,)``.
        world: weights of the world agent, of a leader that learns one; None: it learns none.
        adapted: followers who have adapted to the answer alone; None: `policies` hold there too.
        constant: whether the answer stands for whole episodes, although its leader has a policy.
    """

    experiment: Experiment
    policies: Policies
    theta: NDArray[np.float64]
    world: Mapping[str, NDArray[Any]] | None = None
    adapted: Policies | None = None
    constant: bool = False
