"""A world agent's likelihood with its gradient: the network of the compiled loop, in torch.

Weights have the names and shapes that the loop gives them: two layers of hidden units, then heads
of which each adds tables by the bins before it:

    h = relu(relu(x W₁ + b₁) W₂ + b₂),  y = h W + b
    event ~ y₁;  depth ~ y₂ + D[event];  size ~ y₃ + S[event, depth];
    time ~ y₄ + T[event, depth] + T′[size]

An agent with a memory reads its past states, from the oldest on, by an LSTM, and is moved by
normals z: its first sums are x W₁ + b₁ + (memory, z) M, x without past states, and its likelihood
is one given z. Masks come with the constants. What is drawn is mixed, a bin and a place within it,
of which the latter has no parameter: the likelihood of bins is exact up to a constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax, relu

Weights = dict[str, NDArray[np.float32]]
CHUNK = 16_384  # decisions per pass


class AgentNetwork(torch.nn.Module):
    """The world agent's policy.

    Args:
        weights: name -> array.
        trained: names of those that are trained.
        history: where the past states are in what is seen: the first entry, how many, entries of
            each, the newest one first. Read if the weights have a memory.
    """

    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor
    heads: Tensor
    heads_bias: Tensor
    depth_by_event: Tensor
    size_by_order: Tensor
    time_by_order: Tensor
    time_by_size: Tensor
    event_mask: Tensor
    depth_mask: Tensor
    size_mask: Tensor
    time_mask: Tensor
    cell_inputs: Tensor
    cell_memory: Tensor
    cell_bias: Tensor
    first_memory: Tensor

    def __init__(
        self,
        weights: Mapping[str, NDArray[np.float32]],
        trained: Iterable[str],
        history: tuple[int, int, int] = (0, 0, 0),
    ):
        super().__init__()
        self._history, self.recurrent = history, "cell_inputs" in weights
        self._names, self._trained = tuple(weights), frozenset(trained)
        for name, array in weights.items():
            tensor = torch.from_numpy(np.array(array, dtype=np.float32))
            if name in self._trained:
                self.register_parameter(name, torch.nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor)
        self.events, self.depths = self.depth_by_event.shape
        self.bins = [self.events, self.depths, *self.time_by_size.shape]

    def weights(self) -> Weights:
        """Name -> array, a copy of each."""
        return {name: getattr(self, name).detach().numpy().copy() for name in self._names}

    def load(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        """Take other weights of the same names."""
        with torch.no_grad():
            for name in self._names:
                getattr(self, name).copy_(torch.from_numpy(np.asarray(weights[name])))

    def outputs(self, features: Tensor) -> tuple[Tensor, ...]:
        """y of every head, ``(n, bins)`` each."""
        hidden = relu(self._first_sums(features))
        hidden = relu(torch.addmm(self.second_bias, hidden, self.second))
        return torch.addmm(self.heads_bias, hidden, self.heads).split(self.bins, dim=1)

    def _first_sums(self, features: Tensor) -> Tensor:
        if not self.recurrent:
            return torch.addmm(self.first_bias, features, self.first)
        first, number, each = self._history
        sizes = [first, number * each, features.shape[1] - first - number * each]
        before, past, after = features.split(sizes, dim=1)
        now = torch.cat([before, torch.zeros_like(past), after], dim=1)
        memory = cell = features.new_zeros(len(features), len(self.cell_memory))
        for state in past.unflatten(1, (number, each)).flip(1).unbind(dim=1):
            gates = torch.addmm(self.cell_bias, state, self.cell_inputs)
            entering, kept, new, shown = (gates + memory @ self.cell_memory).chunk(4, dim=1)
            cell = kept.sigmoid() * cell + entering.sigmoid() * new.tanh()
            memory = shown.sigmoid() * cell.tanh()
        normals = self.normals(len(features))
        moved = torch.cat([memory, normals], dim=1) @ self.first_memory
        return torch.addmm(self.first_bias, now, self.first) + moved

    def normals(self, number: int) -> Tensor:
        """z of so many decisions."""
        return torch.randn(number, len(self.first_memory) - len(self.cell_memory))

    def log_likelihood(self, features: Tensor, actions: Tensor) -> Tensor:
        """log p(A|S) of every decision, ``(n, F)`` and ``(n, 4)`` to ``(n,)``."""
        event, depth, size, time = actions.unbind(dim=1)
        order = event * self.depths + depth
        y = self.outputs(features)
        logits = (
            y[0] + self.event_mask,
            y[1] + (self.depth_by_event + self.depth_mask)[event],
            y[2] + self.size_by_order[order] + self.size_mask[event],
            y[3] + self.time_by_order[order] + self.time_by_size[size] + self.time_mask[event],
        )
        total = torch.zeros(len(actions))
        for one, chosen in zip(logits, (event, depth, size, time), strict=True):
            total = total + log_softmax(one, dim=1).gather(1, chosen[:, None])[:, 0]
        return total
