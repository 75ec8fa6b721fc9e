"""Learner connector: rollouts to training columns, critic and GAE run over whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ray.rllib.connectors.connector_v2 import ConnectorV2
from ray.rllib.core.columns import Columns
from ray.rllib.evaluation.postprocessing import Postprocessing
from torch import Tensor

from .rollout import ArrayRollout, ModuleRollout

INFORMATION_PRICE = "information_price"
EXPLAINED_VARIANCE = "value_explained_variance"


def advantages(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    ended: Tensor,
    discount: float,
    gae_lambda: float,
) -> Tensor:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16), ``(T, R)``.

    Args:
        rewards, values: ``(T, R)``.
        next_values: value after each step; zero after a termination, the bootstrapped value after a
            cut, ``(T, R)``.
        ended: the next time index belongs to another trajectory, ``(T, R)`` bool.
        discount, gae_lambda: γ and λ.
    """
    errors = rewards + discount * next_values - values
    decay = (discount * gae_lambda) * (~ended).to(errors.dtype)
    result = torch.empty_like(errors)
    running = torch.zeros_like(errors[0])
    for time in range(len(errors) - 1, -1, -1):
        running = errors[time] + decay[time] * running
        result[time] = running
    return result


class ArrayAdvantages(ConnectorV2):
    """Turns a list of `ArrayRollout` into module name -> flat columns, ``(n, …)``.

    Args:
        discount_and_lambda: module name -> its discount γ and GAE's λ.
    """

    def __init__(self, discount_and_lambda: dict[str, tuple[float, float]]):
        super().__init__()
        self._discount_and_lambda = discount_and_lambda

    @torch.no_grad()
    def __call__(
        self,
        *,
        rl_module: Any,
        batch: dict[str, Any],
        episodes: list[ArrayRollout],
        explore: bool | None = None,
        shared_data: dict[str, Any] | None = None,
        metrics: Any = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Columns of all rollouts, with advantages standardised per module."""
        columns = {}
        names = list(dict.fromkeys(name for rollout in episodes for name in rollout.modules))
        for name in names:
            module = rl_module[name].unwrapped()
            discount, gae_lambda = self._discount_and_lambda[name]
            parts = [
                module_columns(module, e.modules[name], discount, gae_lambda)
                for e in episodes
                if name in e.modules
            ]
            merged = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
            if metrics is not None:
                metrics.log_value((name, EXPLAINED_VARIANCE), _explained(merged), window=1)
            columns[name] = standardise(merged)
        return columns


def module_columns(
    module: Any, rollout: ModuleRollout, discount: float, gae_lambda: float
) -> dict[str, Tensor]:
    """Flat training columns of one rollout; advantages are not standardised yet."""
    observations = torch.from_numpy(rollout.observations)
    steps, rows, width = observations.shape
    flat = observations.reshape(steps * rows, width)
    boot = torch.from_numpy(rollout.boot_observations)
    seen = torch.cat([flat, boot]) if len(boot) else flat
    looked_up = module.compute_values({Columns.OBS: seen})
    values = looked_up[: steps * rows].reshape(steps, rows)
    next_values = torch.zeros_like(values)
    next_values[:-1] = values[1:]
    if len(boot):
        time, row = torch.from_numpy(rollout.boot_index)
        next_values[time, row] = looked_up[steps * rows :]
    next_values[torch.from_numpy(rollout.terminated)] = 0.0
    advantage = advantages(
        torch.from_numpy(rollout.rewards),
        values,
        next_values,
        torch.from_numpy(rollout.ended),
        discount,
        gae_lambda,
    )
    columns: dict[str, Any] = {
        Columns.OBS: flat,
        Columns.ACTIONS: _flat(rollout.actions),
        Columns.ACTION_LOGP: _flat(rollout.log_probability),
        Postprocessing.ADVANTAGES: advantage.reshape(-1),
        Postprocessing.VALUE_TARGETS: (advantage + values).reshape(-1),
    }
    if rollout.distribution_inputs is not None:
        columns[Columns.ACTION_DIST_INPUTS] = _flat(rollout.distribution_inputs)
    if rollout.information_price is not None:
        columns[INFORMATION_PRICE] = _flat(rollout.information_price)
    if rollout.valid is not None and not rollout.valid.all():
        valid = _flat(rollout.valid)
        columns = {key: column[valid] for key, column in columns.items()}
    return columns


def standardise(columns: dict[str, Tensor]) -> dict[str, Tensor]:
    """Advantages to mean zero and deviation one; prices of information are scaled along.

    Dividing only the advantages would change the exchange rate between reward and information, and
    with it the policy that is optimal.
    """
    advantage = columns[Postprocessing.ADVANTAGES]
    scale = 1.0 / advantage.std(correction=0).clamp(min=1e-4)
    columns[Postprocessing.ADVANTAGES] = (advantage - advantage.mean()) * scale
    if INFORMATION_PRICE in columns:
        columns[INFORMATION_PRICE] = columns[INFORMATION_PRICE] * scale
    return columns


def _flat(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).reshape(-1, *array.shape[2:])


def _explained(columns: dict[str, Tensor]) -> float:
    """Share of the variance of the value targets that the critic explains."""
    spread = columns[Postprocessing.VALUE_TARGETS].var(correction=0)
    missed = columns[Postprocessing.ADVANTAGES].var(correction=0)
    return float(1.0 - missed / spread.clamp(min=1e-12))
