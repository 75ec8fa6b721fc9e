"""Weights and optimisers as JSON-compatible values, for checkpoints."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save

Arrays = Mapping[str, NDArray[Any]]


def packed(arrays: Arrays) -> str:
    """Arrays by name as text."""
    return base64.b64encode(save({n: np.ascontiguousarray(a) for n, a in arrays.items()})).decode()


def unpacked(text: str) -> dict[str, NDArray[Any]]:
    """What `packed` was given."""
    return load(base64.b64decode(text))


def packed_optimizer(optimizer: torch.optim.Optimizer) -> str:
    """What an optimiser remembers of its parameters."""
    moments = optimizer.state_dict()["state"]
    return packed({f"{p}/{k}": v.numpy() for p, one in moments.items() for k, v in one.items()})


def restore_optimizer(optimizer: torch.optim.Optimizer, text: str) -> None:
    """Give an optimiser of the same parameters what it remembered."""
    moments: dict[int, dict[str, Any]] = {}
    for name, array in unpacked(text).items():
        place, _, key = name.partition("/")
        moments.setdefault(int(place), {})[key] = torch.from_numpy(array.copy())
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
