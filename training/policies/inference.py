"""Evaluating networks where nothing is differentiated: through compiled loops where these can.

Not for tensors that carry tangents or a graph: those are lost.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..compiled.layers import ACTIVATIONS, evaluate
from .network import ActorCritic, FastTanh, Relu

LARGEST_BLOCK, SMALLEST_BLOCK = 1024, 512
KNOWN: dict[type[nn.Module], int] = {FastTanh: ACTIVATIONS["tanh"], Relu: ACTIVATIONS["relu"]}


def activation_of(network: nn.Sequential) -> int | None:
    """Of the hidden layers, as the loops number them; None: they do not know such a network."""
    kinds = {KNOWN.get(type(layer)) for layer in network if not isinstance(layer, nn.Linear)}
    known = len(kinds) == 1 and next(iter(network.parameters())).dtype == torch.float32
    return kinds.pop() if known else None


def widths_of(network: nn.Sequential) -> NDArray[np.int64]:
    """Of its input, its hidden layers and its output."""
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    return np.array([linear[0].in_features, *(layer.out_features for layer in linear)])


def block_size(rows: int) -> int:
    """Rows of a block: enough for the products, few enough for the cache, and all alike."""
    blocks = math.ceil(rows / (LARGEST_BLOCK if rows > 2 * LARGEST_BLOCK else SMALLEST_BLOCK))
    return math.ceil(rows / max(blocks, 1))


@torch.no_grad()
def outputs_of(network: nn.Sequential, observations: Tensor) -> Tensor:
    """What a network puts out, ``(n, out)``, for observations ``(n, in)``."""
    activation = activation_of(network)
    if activation is None or not len(observations) or observations.dtype != torch.float32:
        return network(observations)
    widths, rows = widths_of(network), len(observations)
    flat = torch.cat([parameter.detach().reshape(-1) for parameter in network.parameters()])
    outputs = torch.empty((rows, int(widths[-1])))
    inputs = observations.contiguous().numpy()
    evaluate(inputs, flat.numpy(), widths, activation, block_size(rows), outputs.numpy())
    return outputs


def distribution_inputs(module: ActorCritic, observations: Tensor) -> Tensor:
    """What `ActorCritic.distribution_inputs` returns."""
    return module.with_deviations(outputs_of(module.actor, observations))


def values(module: ActorCritic, observations: Tensor) -> Tensor:
    """What `ActorCritic.values` returns."""
    assert module.critic is not None
    return outputs_of(module.critic, observations).squeeze(-1) * module.value_scale
