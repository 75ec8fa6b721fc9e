"""Rollouts to training columns: critic and GAE run over whole arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..compiled.recursions import discounted_back
from ..policies import inference
from ..policies.network import ActorCritic
from . import columns as names
from .columns import INFORMATION_PRICE, Columns
from .device.mirror import mirror_of
from .peers import Peers
from .rollout import ArrayRollout, ModuleRollout
from .shares import Held, ModuleShare

BEYOND_TWINS = "beyond_twins"  # column: advantages as they are learned from, where there are twins


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
    if errors.device.type == "cpu":
        discounted_back(errors.numpy(), decay.numpy(), result.numpy())
        return result
    running = torch.zeros_like(errors[0])
    for time in range(len(errors) - 1, -1, -1):
        running = errors[time] + decay[time] * running
        result[time] = running
    return result


@torch.no_grad()
def training_columns(
    modules: Mapping[str, ActorCritic],
    rollouts: Sequence[ArrayRollout],
    discount_and_lambda: Mapping[str, tuple[float, float]],
) -> tuple[dict[str, Columns], dict[str, float]]:
    """What every module learns from, with advantages standardised.

    Args:
        modules: by name, with critics.
        rollouts: of all env runners; a module need not be in each of them.
        discount_and_lambda: of every module, γ and GAE's λ.

    Returns:
        Columns of every module that has decided anything, and the share of the variance of its
        value targets that its critic explains.
    """
    columns, explained = {}, {}
    for name in dict.fromkeys(name for rollout in rollouts for name in rollout.modules):
        parts = [
            module_columns(modules[name], r.modules[name], *discount_and_lambda[name])
            for r in rollouts
            if name in r.modules
        ]
        merged = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
        explained[name] = _explained(merged)
        if BEYOND_TWINS in merged:
            merged[names.ADVANTAGES] = merged.pop(BEYOND_TWINS)
        columns[name] = standardise(merged)
    return columns, explained


@torch.no_grad()
def share_columns(
    module: ActorCritic,
    share: ModuleShare,
    peers: Peers,
    discount: float,
    gae_lambda: float,
) -> tuple[Columns, float, Held | None]:
    """What one of several learners learns from, standardised over all of them.

    Returns:
        Columns of the rows held here, the share of variance explained over all learners, and which
        rows these are; None: all.
    """
    parts = [module_columns(module, part, discount, gae_lambda) for part in share.parts]
    merged = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
    if share.whole:
        explained = _explained(merged)
        return standardise(merged), explained, None
    both = torch.stack([merged[names.ADVANTAGES], merged[names.VALUE_TARGETS]])
    mean, (missed, spread) = peers.moments(both, share.rows)
    explained = float(1.0 - missed / spread.clamp(min=1e-12))
    held = Held(share.rows, _tensor(np.concatenate(share.places)), peers)
    return _scaled(merged, mean[0], missed.sqrt()), explained, held


def module_columns(
    module: ActorCritic, rollout: ModuleRollout, discount: float, gae_lambda: float
) -> Columns:
    """Flat training columns of one rollout; advantages are not standardised yet."""
    observations = _tensor(rollout.observations)
    steps, rows, width = observations.shape
    flat = observations.reshape(steps * rows, width)
    on_device = isinstance(rollout.observations, Tensor)
    found, following = _looked_up(module, flat, _tensor(rollout.boot_observations), on_device)
    values = found.reshape(steps, rows)
    next_values = torch.zeros_like(values)
    next_values[:-1] = values[1:]
    if len(following):
        time, row = _tensor(rollout.boot_index)
        next_values[time, row] = following
    next_values.masked_fill_(_tensor(rollout.terminated), 0.0)
    advantage = advantages(
        _tensor(rollout.rewards),
        values,
        next_values,
        _tensor(rollout.ended),
        discount,
        gae_lambda,
    )
    columns: Columns = {
        names.OBSERVATIONS: flat,
        names.ACTIONS: _flat(rollout.actions),
        names.LOG_PROBABILITY: _flat(rollout.log_probability),
        names.ADVANTAGES: advantage.reshape(-1),
        names.VALUE_TARGETS: (advantage + values).reshape(-1),
    }
    if rollout.twins > 1:
        columns[BEYOND_TWINS] = beyond_twins(advantage, rollout.agents, rollout.twins).reshape(-1)
    if rollout.distribution_inputs is not None:
        columns[names.DISTRIBUTION_INPUTS] = _flat(rollout.distribution_inputs)
    if rollout.information_price is not None:
        columns[INFORMATION_PRICE] = _flat(rollout.information_price)
    if rollout.valid is not None and not rollout.valid.all():
        valid = _flat(rollout.valid)
        columns = {key: column[valid] for key, column in columns.items()}
    return columns


def beyond_twins(advantage: Tensor, agents: int, twins: int) -> Tensor:
    """Advantages less the mean of those that twins have in the same step, ``(T, R)``.

    Twins meet the same shocks and explore on their own: what a shock brought to all of them is no
    merit of an action. It does not depend on the action either, so that gradients stay unbiased (a
    baseline that depends on the input, Mao et al. 2019, arXiv:1807.02264).

    Args:
        advantage: ``(T, R)``, the rows of a copy beside each other, and twins one after the other.
        agents: rows of a copy.
        twins: copies that meet the same shocks, two or more.
    """
    by_twin = advantage.reshape(len(advantage), -1, twins, agents)
    # Less the mean of the others, and not of all: it is this many times as much.
    beyond = (by_twin - by_twin.mean(dim=2, keepdim=True)) * (twins / (twins - 1))
    return beyond.reshape(advantage.shape)


def standardise(columns: Columns) -> Columns:
    """Advantages to mean zero and deviation one; prices of information are scaled along.

    Dividing only the advantages would change the exchange rate between reward and information, and
    with it the policy that is optimal.
    """
    advantage = columns[names.ADVANTAGES]
    return _scaled(columns, advantage.mean(), advantage.std(correction=0))


def _scaled(columns: Columns, mean: Tensor, deviation: Tensor) -> Columns:
    scale = 1.0 / deviation.clamp(min=1e-4)
    columns[names.ADVANTAGES] = (columns[names.ADVANTAGES] - mean) * scale
    if INFORMATION_PRICE in columns:
        columns[INFORMATION_PRICE] = columns[INFORMATION_PRICE] * scale
    return columns


def _looked_up(
    module: ActorCritic, flat: Tensor, boot: Tensor, on_device: bool
) -> tuple[Tensor, Tensor]:
    """Values of what was seen in the rollout and after it."""
    if on_device:
        mirror = mirror_of(module, flat.device)
        return mirror.looked_up(flat), mirror.looked_up(boot)
    seen = torch.cat([flat, boot]) if len(boot) else flat
    found = inference.values(module, seen)
    return found[: len(flat)], found[len(flat) :]


def _tensor(array: Any) -> Tensor:
    """The array as a tensor; one from another process is of memory that must not be written."""
    if isinstance(array, Tensor):
        return array
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _flat(array: Any) -> Tensor:
    whole = array if isinstance(array, Tensor) else np.ascontiguousarray(array)
    return _tensor(whole).reshape(-1, *array.shape[2:])


def _explained(columns: Columns) -> float:
    """Share of the variance of the value targets that the critic explains."""
    spread = columns[names.VALUE_TARGETS].var(correction=0)
    missed = columns[names.ADVANTAGES].var(correction=0)
    return float(1.0 - missed / spread.clamp(min=1e-12))
