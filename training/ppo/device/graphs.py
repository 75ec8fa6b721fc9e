"""Work on tensors that stay where they are, replayed as one CUDA graph where that is possible."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

MOST_GRAPHS = 12
"""Of one piece of work in its several sizes: each graph keeps memory of its own."""


@cache
def _pool() -> Any:
    """Memory that all graphs share: one is replayed after the other."""
    return torch.cuda.graph_pool_handle()


class Captured:
    """A function of tensors that keep their places; what it brings it writes into such tensors.

    It runs once as it is, so that everything it needs is there, and is captured at its second call.
    Where capture fails it goes on as it is, and says so once.

    Args:
        function: without arguments or results, that waits for the device nowhere.
        device: where its tensors are.
        wanted: whether to capture; on the processor there is nothing to capture.
        what: that is captured, for the warning.
    """

    def __init__(self, function: Callable[[], None], device: torch.device, wanted: bool, what: str):
        self._function, self._what = function, what
        self._wanted = wanted and device.type == "cuda"
        self._warm = False
        self._graph: torch.cuda.CUDAGraph | None = None

    @property
    def captured(self) -> bool:
        """Whether it is a graph by now."""
        return self._graph is not None

    def __call__(self) -> None:
        """Do the work once."""
        if self._graph is not None:
            self._graph.replay()
        elif not self._wanted or not self._warm:
            self._warm = True
            self._function()
        elif self._capture():
            self()
        else:
            self._function()

    def _capture(self) -> bool:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=_pool()):
                self._function()
        except Exception as error:  # of torch or the driver, each with a class of its own
            self._wanted = False
            torch.cuda.synchronize()
            warnings.warn(
                f"{self._what} could not be captured as a CUDA graph ({type(error).__name__}: "
                f"{str(error).splitlines()[0] if str(error) else ''}); it runs without, more "
                "slowly. training.cuda_graphs: false leaves the attempt out.",
                stacklevel=2,
            )
            return False
        self._graph = graph
        return True
