"""RLlib's PPO learner, with each module's update our own: see `ppo.update`."""

from __future__ import annotations

from typing import Any

import torch
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from ...envs.core.errors import PacesetterError
from ..ppo.choice import SHUFFLES, Shuffles, trainee_of
from ..ppo.columns import Columns
from ..ppo.device.trainee import DeviceTrainee
from ..ppo.gradients import LossOptions
from ..ppo.update import FlatParameters, Trainee, UpdateOptions


class ArrayPPOLearner(PPOTorchLearner):
    """PPO with per-module epochs and minibatch sizes, and a price of information per sample.

    The loss of a module is PPO's clipped surrogate, plus value error, plus the exact information
    cost of every sample: its price times KL(π(·|o) ‖ uniform), which is a constant minus the
    entropy. Prices differ between samples, so an entropy coefficient per module cannot say it.
    """

    def build(self) -> None:
        """Build as RLlib does; refuse options this update would silently ignore."""
        if self.config.num_learners > 1:
            raise PacesetterError("training.learners must be 0 or 1.")
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
        prepared = self._make_batch_if_necessary(training_data=training_data)
        trained = {
            name: columns
            for name, columns in prepared.policy_batches.items()
            if self.should_module_be_updated(name, prepared)
        }
        for name, columns in trained.items():
            self._train_module(name, dict(columns))
        self._log_steps_trained_metrics(MultiAgentBatch(trained, env_steps=prepared.count))
        self.after_gradient_based_update(timesteps=timesteps or {})
        steps = (timesteps or {}).get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0)
        for trainee in self._trainees.values():
            trainee.module.schedule_deviation(steps)
        return self.metrics.reduce()

    def _train_module(self, name: str, columns: Columns) -> None:
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
        terms = self._trainees[name].update(columns, options, self._shuffles.of(name))
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
