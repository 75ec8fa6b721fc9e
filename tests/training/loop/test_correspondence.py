"""Sampling and learning in one process give the numbers of RLlib's, to the last digit."""

from __future__ import annotations

import json

import pytest

from pacesetter.training.cli import main
from pacesetter.training.runs.history import read_history

TINY = (
    "training.copies=8",
    "training.rollout_steps=8",
    "training.pretrain_iterations=4",
    "training.iterations=8",
    "evaluation.copies=4",
    "evaluation.episodes=2",
)
FEW_BUT_ALL_KINDS = {
    "duopoly_ppo": (
        "leader.kl_coefficient=0.2",
        "leader.final_action_deviation=0.05",
        "leader.update_every=2",
        "followers.learning_rate_decay=geometric",
        "followers.learning_rate=0.002",
    ),
    "cobweb_unstable_ppo": ("followers.kl_coefficient=0.5", "followers.epochs=3"),
}


def figures(folder):
    """Everything in the history but the speed, and the results."""
    history = [
        {name: str(value) for name, value in row.items() if not name.startswith("speed/")}
        for row in read_history(folder)
    ]
    return history, json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize("experiment", FEW_BUT_ALL_KINDS)
def test_one_process_gives_the_numbers_of_rllib(experiment, tmp_path):
    options = (*TINY, *FEW_BUT_ALL_KINDS[experiment])
    for route in ("array", "local"):
        line = ["train", experiment, *options, f"training.route={route}"]
        assert main([*line, "--runs", str(tmp_path), "--name", route, "--quiet"]) == 0
    assert figures(tmp_path / "array") == figures(tmp_path / "local")
