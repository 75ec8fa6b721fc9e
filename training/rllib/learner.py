"""PPO's update on RLlib's learner: each module its own epochs and minibatches, and no waste.

Same mathematics as RLlib's `PPOTorchLearner` (a test holds the two together), but the parameters of
a module lie in one buffer, so that Adam, the norm of the gradient and the check for finite numbers
are one operation each; gradients are written out (`gradients.py`); and what is only reported is
computed once per update.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.training_data import TrainingData
from ray.rllib.policy.sample_batch import MultiAgentBatch
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME
from torch import nn

from ...envs.core.errors import PacesetterError
from .gradients import Batch, LossOptions, write_gradient

GRADIENT_NORM_KEY = "gradient_norm"


class NonFiniteTrainingError(PacesetterError):
    """A loss or gradient stopped being a number; the step was not taken."""


class FlatParameters:
    """All parameters of a module as views of one buffer, and their gradients of another.

    Args:
        module: its parameters are re-pointed into the buffer; values stay.
    """

    def __init__(self, module: nn.Module):
        parameters = list(module.parameters())
        values = torch.cat([p.detach().reshape(-1) for p in parameters])
        self.buffer = nn.Parameter(values)
        self.buffer.grad = torch.zeros_like(values)
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.data = self.buffer.data[start:end].view_as(parameter)
            parameter.grad = self.buffer.grad[start:end].view_as(parameter)
            start = end

    def clip(self, largest_norm: float) -> float:
        """Scale the gradient to at most the given norm; return the norm it had."""
        gradient = self.buffer.grad
        assert gradient is not None
        norm = float(torch.linalg.vector_norm(gradient))
        if norm > largest_norm:
            gradient.mul_(largest_norm / (norm + 1e-6))
        return norm


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
        self._flat: dict[str, FlatParameters] = {}
        self._shuffle = torch.Generator().manual_seed(self.config.seed or 0)
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
        self._flat[module_id] = flat = FlatParameters(self.module[module_id])
        self.register_optimizer(
            module_id=module_id,
            optimizer=torch.optim.Adam([flat.buffer], fused=True),
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
        self._set_deviations((timesteps or {}).get(NUM_ENV_STEPS_SAMPLED_LIFETIME, 0))
        return self.metrics.reduce()

    def _set_deviations(self, steps: int) -> None:
        """Exploration of the modules whose deviation is scheduled, after so many steps."""
        for name in self.module.keys():  # noqa: SIM118  (RLlib's record iterates otherwise)
            module = self.module[name].unwrapped()
            schedule = module.model_config["deviation_schedule"]
            if schedule and module.log_deviation is not None:
                (first, start), (last, end) = schedule
                share = min(max((steps - first) / (last - first), 0.0), 1.0)
                module.log_deviation.data.fill_(start + share * (end - start))

    def _train_module(self, name: str, columns: Batch) -> None:
        config = self.config.get_config_for_module(name)
        options = LossOptions(
            clip=config.clip_param,
            value_coefficient=config.vf_loss_coeff,
            entropy_coefficient=self.entropy_coeff_schedulers_per_module[name].get_current_value(),
            kl_coefficient=(
                float(self.curr_kl_coeffs_per_module[name]) if config.use_kl_loss else None
            ),
        )
        rows = len(columns[Columns.ACTION_LOGP])
        size = min(rows, config.minibatch_size or rows)
        minibatches = rows // size  # the remainder joins the last one
        last = config.num_epochs * minibatches - 1
        gathered = {key: torch.empty_like(column) for key, column in columns.items()}
        for epoch in range(config.num_epochs):
            order = torch.randperm(rows, generator=self._shuffle)
            for key, column in columns.items():
                torch.index_select(column, 0, order, out=gathered[key])
            for number in range(minibatches):
                start = number * size
                end = rows if number == minibatches - 1 else start + size
                part = {key: column[start:end] for key, column in gathered.items()}
                report = epoch * minibatches + number == last
                self._step(name, options, part, config.grad_clip, report)

    def _step(
        self, name: str, options: LossOptions, part: Batch, largest_norm: float, report: bool
    ) -> None:
        """One gradient step on one minibatch."""
        terms = write_gradient(self.module[name].unwrapped(), part, options, report)
        norm = self._flat[name].clip(largest_norm)
        if not math.isfinite(norm):
            raise NonFiniteTrainingError(
                f"the gradient of module {name!r} is not finite; the step was not taken. Lower its "
                "learning rate or clip, or check the market's rewards with 'pacesetter check'."
            )
        (optimizer,) = (optimizer for _, optimizer in self.get_optimizers_for_module(name))
        optimizer.step()
        if report:
            self.metrics.log_dict({**terms, GRADIENT_NORM_KEY: norm}, key=name, window=1)

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """RLlib's state, and what an exact resume needs beyond it."""
        state = super().get_state(*args, **kwargs)
        state["shuffle"] = self._shuffle.get_state().numpy()
        state["kl_coefficients"] = {
            name: float(value) for name, value in self.curr_kl_coeffs_per_module.items()
        }
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        super().set_state(state)
        if "shuffle" in state:
            self._shuffle.set_state(torch.from_numpy(state["shuffle"].copy()))
        for name, value in state.get("kl_coefficients", {}).items():
            self.curr_kl_coeffs_per_module[name].data.fill_(value)
