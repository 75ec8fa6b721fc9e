"""Threads of a process: what a run says holds for every library that multiplies matrices."""

from __future__ import annotations

import threadpoolctl
import torch

from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.threads import limit_threads
from pacesetter.training.ppo.backend import LocalBackend


def taken():
    """Threads of every library of linear algebra that is loaded, and of torch."""
    known = threadpoolctl.threadpool_info()
    return {torch.get_num_threads(), *(k["num_threads"] for k in known if k["user_api"] == "blas")}


def test_a_run_takes_as_many_threads_as_it_says_whatever_the_environment_is_theory():
    before = taken()
    try:
        limit_threads(2)
        assert taken() == {2}
        LocalBackend(load_experiment("duopoly_fixed", ["training.copies=4"]))
        assert taken() == {1}
    finally:
        limit_threads(min(before))
