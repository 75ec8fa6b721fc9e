"""RLlib's own PPO learner, but that every module has its own epochs and minibatches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.minibatch_utils import MiniBatchCyclicIterator


class OwnEpochsLearner(PPOTorchLearner):
    """Goes through the batch of one module after the other, each as its own options say.

    RLlib's iterator goes through all batches together until the largest has had its epochs, in
    minibatches of one size.
    """

    def _create_iterator_if_necessary(
        self, *, training_data: TrainingData, shuffle_batch_per_epoch: bool = False, **kwargs: Any
    ) -> Iterator[MultiAgentBatch]:
        whole = self._make_batch_if_necessary(training_data=training_data)
        whole = self._set_slicing_by_batch_id(whole, value=True)
        parts = []
        for name, batch in whole.policy_batches.items():
            options = self.config.get_config_for_module(name)
            parts.append(
                MiniBatchCyclicIterator(
                    MultiAgentBatch({name: batch}, env_steps=whole.env_steps()),
                    num_epochs=options.num_epochs,
                    minibatch_size=options.minibatch_size,
                    shuffle_batch_per_epoch=shuffle_batch_per_epoch and options.num_epochs > 1,
                )
            )
        return chain.from_iterable(parts)
