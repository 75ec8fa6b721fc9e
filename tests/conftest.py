"""What all tests share: one thread, and no floating-point error that goes unseen."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write the golden trajectories anew")


@pytest.fixture
def regenerate(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--regenerate"))


@pytest.fixture(autouse=True, scope="session")
def _a_key_of_the_tests_own(tmp_path_factory):
    """What tests sign is signed with another key than what their user has written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("configuration")))
        yield


@pytest.fixture(autouse=True)
def _floating_point_errors_raise():
    with np.errstate(invalid="raise", over="raise", divide="raise"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_torch_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="module")
def _a_ray_session_per_module():
    """Modules that start Ray do so for themselves: sessions differ in how many cores they have."""
    yield
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()
