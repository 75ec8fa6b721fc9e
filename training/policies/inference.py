"""Evaluating networks where nothing is differentiated: through compiled loops where these can.

Not for tensors that carry tangents or a graph: those are lost.
"""

from __future__ import annotations

import math
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..compiled.crew import Crew
from ..compiled.layers import ACTIVATIONS, evaluate, evaluate_shared
from .network import ActorCritic, FastTanh, Relu

LARGEST_BLOCK, SMALLEST_BLOCK = 1024, 512
_shapes: WeakKeyDictionary[nn.Sequential, Shape] = WeakKeyDictionary()
KNOWN: dict[type[nn.Module], int] = {FastTanh: ACTIVATIONS["tanh"], Relu: ACTIVATIONS["relu"]}


class Shape(NamedTuple):
    """What the loops must know of a network.

    Attributes:
        activation: of the hidden layers, as the loops number them; None: they do not know it.
        widths: of its input, its hidden layers and its output, ``(L + 1,)``.
        parameters: of its layers, in the order in which they lie in a flat vector.
    """

    activation: int | None
    widths: NDArray[np.int64]
    parameters: tuple[nn.Parameter, ...]


def shape_of(network: nn.Sequential) -> Shape:
    """Looked at once per network, as its layers stay what they are."""
    found = _shapes.get(network)
    if found is None:
        linear = [layer for layer in network if isinstance(layer, nn.Linear)]
        kinds = {KNOWN.get(type(layer)) for layer in network if not isinstance(layer, nn.Linear)}
        single = all(layer.weight.dtype == torch.float32 for layer in linear)
        widths = [linear[0].in_features, *(layer.out_features for layer in linear)]
        found = _shapes[network] = Shape(
            kinds.pop() if len(kinds) == 1 and single else None,
            np.array(widths),
            tuple(network.parameters()),
        )
    return found


def parameters_of(network: nn.Sequential) -> NDArray[np.float32]:
    """All parameters of a network in one vector, as the loops want them."""
    return torch.cat([p.detach().reshape(-1) for p in shape_of(network).parameters]).numpy()


def block_size(rows: int) -> int:
    """Rows of a block: enough for the products, few enough for the cache, and all alike."""
    blocks = math.ceil(rows / (LARGEST_BLOCK if rows > 2 * LARGEST_BLOCK else SMALLEST_BLOCK))
    return math.ceil(rows / max(blocks, 1))


@torch.no_grad()
def outputs_of(network: nn.Sequential, observations: Tensor, crew: Crew | None = None) -> Tensor:
    """What a network puts out, ``(n, out)``, for observations ``(n, in)``.

    Threads of a crew share the blocks; the result does not depend on them.
    """
    activation, widths, _ = shape_of(network)
    if activation is None or not len(observations) or observations.dtype != torch.float32:
        return network(observations)
    rows, flat = len(observations), parameters_of(network)
    outputs = torch.empty((rows, int(widths[-1])))
    inputs = observations.contiguous().numpy()
    size = block_size(rows)
    fixed = (inputs, flat, widths, activation, size, outputs.numpy())
    if crew is None or size >= rows:
        evaluate(*fixed)
    else:
        crew.run(lambda counter, _: evaluate_shared(*fixed, counter), rows)
    return outputs


def distribution_inputs(
    module: ActorCritic, observations: Tensor, crew: Crew | None = None
) -> Tensor:
    """What `ActorCritic.distribution_inputs` returns."""
    return module.with_deviations(outputs_of(module.actor, observations, crew))


def values(module: ActorCritic, observations: Tensor) -> Tensor:
    """What `ActorCritic.values` returns."""
    assert module.critic is not None
    return outputs_of(module.critic, observations).squeeze(-1) * module.value_scale
