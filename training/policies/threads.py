"""How many threads a process takes: for torch, and for matrix products outside of it."""

from __future__ import annotations

import scipy.linalg.cython_blas  # noqa: F401  # compiled loops call it, and it must be loaded by now
import threadpoolctl
import torch


def limit_threads(count: int) -> None:
    """Let torch and the libraries of linear algebra in this process take so many threads.

    Products in compiled loops are of a hundred rows: left alone, their library divides each among
    all cores of the machine, and takes longer than on one.

    Args:
        count: threads, `TrainingSettings.torch_threads`.
    """
    torch.set_num_threads(count)
    threadpoolctl.threadpool_limits(limits=count, user_api="blas")
