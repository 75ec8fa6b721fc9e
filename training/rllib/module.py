"""The networks as RLlib's modules.

The runner and the learner of the array path call the networks' own methods; RLlib's stock runners
and learner call the same through ``forward_*``.
"""

from __future__ import annotations

from typing import Any

from ray.rllib.core.columns import Columns
from ray.rllib.core.rl_module.apis import InferenceOnlyAPI, ValueFunctionAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor

from ..policies.network import ActorCritic


class ActorCriticModule(TorchRLModule, InferenceOnlyAPI, ValueFunctionAPI, ActorCritic):
    """An `ActorCritic` that RLlib can build; spaces and options come with its `RLModuleSpec`."""

    def setup(self) -> None:
        """Build actor and critic (RLlib calls this once, in the order of a set)."""
        options: Any = self.model_config  # torch types every attribute as a tensor or a module
        without_critic: Any = self.inference_only
        self.build(self.observation_space, self.action_space, options, without_critic)

    def get_non_inference_attributes(self) -> list[str]:
        """The critic is needed for learning alone."""
        return ["critic"]

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:
        """State values, ``(n,)``; on the learner alone, which has the critic."""
        return self.values(batch[Columns.OBS])

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        return {Columns.ACTION_DIST_INPUTS: self.distribution_inputs(batch[Columns.OBS])}
