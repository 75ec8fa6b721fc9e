"""RLlib's PPO learner, with each module's update our own: see `ppo.update`."""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from ...envs.core.errors import PacesetterError
from ..ppo.advantages import share_columns
from ..ppo.choice import SHUFFLES, Shuffles, trainee_of
from ..ppo.columns import EXPLAINED_VARIANCE, Columns
from ..ppo.device.trainee import DeviceTrainee
from ..ppo.gradients import LossOptions
from ..ppo.peers import Peers
from ..ppo.shares import BatchShare, Held
from ..ppo.update import FlatParameters, Trainee, UpdateOptions


class ArrayPPOLearner(PPOTorchLearner):
    """PPO with per-module epochs and minibatch sizes, and a price of information per sample.

    The loss of a module is PPO's clipped surrogate, plus value error, plus the exact information
    cost of every sample: its price times KL(π(·|o) ‖ uniform), which is a constant minus the
    entropy. Prices differ between samples, so an entropy coefficient per module cannot say it.
    """

    def build(self) -> None:
        """Build as RLlib does; refuse options this update would silently ignore."""
        self._peers = Peers() if self.config.num_learners > 1 else None
        self._trainees: dict[str, Trainee | DeviceTrainee] = {}
        experiment = self.config.env_config["experiment"]
        self._shuffles = Shuffles(experiment, self.config.seed or 0)
        super().build()
        for name in self.module.keys():  # noqa: SIM118  (RLlib's record iterates otherwise)
            config = self.config.get_config_for_module(name)
            if config.grad_clip_by != "global_norm" or config._torch_lr_scheduler_classes:
                raise PacesetterError(
                    f"module {name!r}: the array route clips by global norm and takes no torch "
                    "learning rate schedulers; use training.route: stock for other RLlib options."
                )

    def _make_modules_ddp_if_necessary(self) -> None:
        """Where RLlib wraps modules for several learners: parameters stay in their buffers.

        All learners begin with those of the first.
        """
        if self._peers is not None:
            for name in sorted(self._trainees):
                self._trainees[name].flat.take_from_first(self._peers)

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """One fused Adam over the module's flat parameters."""
        flat = FlatParameters(self.module[module_id])
        module = self.module[module_id].unwrapped()
        trainee = trainee_of(self.config.env_config["experiment"], module_id, module, flat)
        self._trainees[module_id] = trainee
        self.register_optimizer(
            module_id=module_id,
            optimizer=trainee.optimizer,
            params=[flat.buffer],
            lr_or_lr_schedule=config.lr,
        )

    def update(
        self,
        batch: MultiAgentBatch | None = None,
        episodes: Any = None,
        training_data: TrainingData | None = None,
        *,
        timesteps: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Train every module in the batch for its own number of epochs."""
        self._check_is_built()
        self.before_gradient_based_update(timesteps=timesteps or {})
        if training_data is None:
            training_data = TrainingData(batch=batch, episodes=episodes)
        training_data.validate()
        training_data.solve_refs()
        self._weights_seq_no += 1
        if self._peers is None:
            learned = self._learn_alone(training_data)
        else:
            learned = self._learn_together(training_data.episodes[0], self._peers)
        self._log_steps_trained_metrics(learned)
        self.after_gradient_based_update(timesteps=timesteps or {})
        steps = (timesteps or {}).get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0)
        for trainee in self._trainees.values():
            trainee.module.schedule_deviation(steps)
        return self.metrics.reduce()

    def _learn_alone(self, training_data: TrainingData) -> MultiAgentBatch:
        prepared = self._make_batch_if_necessary(training_data=training_data)
        trained = {
            name: columns
            for name, columns in prepared.policy_batches.items()
            if self.should_module_be_updated(name, prepared)
        }
        for name, columns in trained.items():
            self._train_module(name, dict(columns))
        return MultiAgentBatch(trained, env_steps=prepared.count)

    def _learn_together(self, batch: BatchShare, peers: Peers) -> MultiAgentBatch:
        """Learn from this learner's share; everybody goes through the modules in the same order.

        Returns:
            Columns that count as learned here: rows that everybody has gone through count once.
        """
        counted = {}
        for name, share in batch.modules.items():
            config, trainee = self.config.get_config_for_module(name), self._trainees[name]
            columns, explained, held = share_columns(
                trainee.module, share, peers, config.gamma, config.lambda_
            )
            self.metrics.log_value((name, EXPLAINED_VARIANCE), explained, window=1)
            self._train_module(name, columns, held)
            # Processors of several kinds round differently, and learners would drift apart.
            trainee.flat.take_from_first(peers)
            if held is not None or peers.number == 0:
                counted[name] = SampleBatch(columns)
        return MultiAgentBatch(counted, env_steps=len(batch))

    def _train_module(self, name: str, columns: Columns, held: Held | None = None) -> None:
        config = self.config.get_config_for_module(name)
        loss = LossOptions(
            clip=config.clip_param,
            value_coefficient=config.vf_loss_coeff,
            entropy_coefficient=self.entropy_coeff_schedulers_per_module[name].get_current_value(),
            kl_coefficient=(
                float(self.curr_kl_coeffs_per_module[name]) if config.use_kl_loss else None
            ),
        )
        options = UpdateOptions(config.num_epochs, config.minibatch_size, config.grad_clip, loss)
        trainee, shuffle = self._trainees[name], self._shuffles.of(name)
        if isinstance(trainee, DeviceTrainee):
            terms = trainee.update(columns, options, shuffle)
        else:
            terms = trainee.update(columns, options, shuffle, held)
        self.metrics.log_dict(terms, key=name, window=1)

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """RLlib's state, and what an exact resume needs beyond it."""
        state = super().get_state(*args, **kwargs)
        state |= {key: value.numpy() for key, value in self._shuffles.state().items()}
        state["kl_coefficients"] = {
            name: float(value) for name, value in self.curr_kl_coeffs_per_module.items()
        }
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        super().set_state(state)
        if "shuffle" in state:
            self._shuffles.restore(
                {key: torch.from_numpy(state[key].copy()) for key in SHUFFLES if key in state}
            )
        for name, value in state.get("kl_coefficients", {}).items():
            self.curr_kl_coeffs_per_module[name].data.fill_(value)
