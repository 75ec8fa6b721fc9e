"""Names of the columns that PPO learns from, and of what it reports: those that RLlib uses."""

from __future__ import annotations

from torch import Tensor

Columns = dict[str, Tensor]
"""Name of a column -> ``(n, …)``."""

OBSERVATIONS = "obs"
ACTIONS = "actions"
LOG_PROBABILITY = "action_logp"
DISTRIBUTION_INPUTS = "action_dist_inputs"
ADVANTAGES = "advantages"
VALUE_TARGETS = "value_targets"
INFORMATION_PRICE = "information_price"

POLICY_LOSS = "policy_loss"
VALUE_LOSS = "vf_loss"
ENTROPY = "entropy"
MEAN_KL = "mean_kl_loss"
CLIPPED_SHARE = "clipped_share"
GRADIENT_NORM = "gradient_norm"
EXPLAINED_VARIANCE = "value_explained_variance"
TERMS = (POLICY_LOSS, VALUE_LOSS, ENTROPY, CLIPPED_SHARE)
"""Of a loss, but for the price of moving."""
LEARNING_SCALARS = (
    POLICY_LOSS,
    VALUE_LOSS,
    ENTROPY,
    MEAN_KL,
    CLIPPED_SHARE,
    GRADIENT_NORM,
    EXPLAINED_VARIANCE,
)
"""What is reported of every module."""
