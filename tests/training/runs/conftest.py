"""One small finished run for all tests of what may happen to a run folder; each has a copy."""

from __future__ import annotations

import shutil

import pytest

from pacesetter.training.cli import main

TINY = (
    "training.route=local",
    "training.copies=8",
    "training.rollout_steps=4",
    "training.pretrain_iterations=2",
    "training.iterations=4",
    "training.checkpoint_every=3",
    "followers.minibatch_size=32",
    "evaluation.copies=4",
    "evaluation.episodes=2",
)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A run of six iterations, with checkpoints after the third and the sixth."""
    parent = tmp_path_factory.mktemp("finished")
    line = ["train", "duopoly_bayesian", *TINY, "--runs", str(parent), "--name", "run", "--quiet"]
    assert main(line) == 0
    return parent / "run"


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def unfinished(run):
    """The same as if it had been killed after the fifth iteration."""
    for name in ("results.json", "answer.json"):
        (run / name).unlink()
    shutil.rmtree(run / "policies")
    shutil.rmtree(run / "checkpoints" / "iteration_000006")
    lines = (run / "history.csv").read_text().splitlines(keepends=True)
    (run / "history.csv").write_text("".join(lines[:6]))
    return run
