"""What tells statistics of real paths from those of simulated ones."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from ..objectives.target import Target
from .adversarial_options import Inputs

Floats = NDArray[np.float64]
LEAST_EIGENVALUE = 1e-3  # of the correlation of statistics; directions below are left out


class Discriminator(nn.Module):
    """Says how much paths look like real ones, by a logistic regression or a network.

    Args:
        shift: taken off statistics, ``(m,)``.
        matrix: that they are then multiplied by, ``(m, k)``.
        hidden: units of the hidden layers; none: a logistic regression, which starts at zero.
        seed: of the first weights otherwise.
    """

    shift: Tensor
    matrix: Tensor

    def __init__(self, shift: Floats, matrix: Floats, hidden: tuple[int, ...], seed: int):
        super().__init__()
        self.register_buffer("shift", torch.from_numpy(shift.copy()))
        self.register_buffer("matrix", torch.from_numpy(matrix.copy()))
        layers: list[nn.Module] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for inputs, outputs in pairwise((matrix.shape[1], *hidden, 1)):
                layers += [nn.Linear(inputs, outputs, dtype=torch.float64), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        if not hidden:
            for parameter in self.parameters():
                nn.init.zeros_(parameter)

    @classmethod
    def of(cls, target: Target, inputs: Inputs, hidden: tuple[int, ...], seed: int) -> Self:
        """One that is shown statistics in the units of a reference."""
        deviation = np.sqrt(np.diag(target.covariance))
        matrix = np.diag(1.0 / deviation)
        if inputs == "whitened":
            values, vectors = np.linalg.eigh(target.covariance / np.outer(deviation, deviation))
            kept = values > LEAST_EIGENVALUE
            matrix = vectors[:, kept] / np.sqrt(values[kept]) / deviation[:, None]
        return cls(target.mean, matrix, hidden, seed)

    def forward(self, rows: Any) -> Tensor:
        """Log odds of being real, ``(B, m)`` of NumPy or torch to ``(B,)``."""
        logits: Tensor = self.layers((torch.as_tensor(rows) - self.shift) @ self.matrix)
        return logits[:, 0]

    def score(self, rows: Any) -> Tensor:
        """log D: how well simulated paths pass for real ones, ``(B,)``."""
        return logsigmoid(self(rows))

    def loss(self, real: Any, simulated: Any) -> Tensor:
        """Of telling one from the other; 2 log 2 is chance."""
        return softplus(-self(real)).mean() + softplus(self(simulated)).mean()

    def state(self) -> dict[str, Any]:
        """Weights, and how statistics are shown, as lists."""
        return {name: value.tolist() for name, value in self.state_dict().items()}

    @classmethod
    def restored(cls, state: dict[str, Any], hidden: tuple[int, ...]) -> Self:
        """What `state` wrote down."""
        values = {k: torch.tensor(v, dtype=torch.float64) for k, v in state.items()}
        found = cls(values["shift"].numpy(), values["matrix"].numpy(), hidden, 0)
        found.load_state_dict(values)
        return found
