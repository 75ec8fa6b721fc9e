"""A leader and an objective of your own, from a package of your own (`generous.py`)."""

import tempfile
from pathlib import Path

import pacesetter

EXPERIMENT = """
market: {name: duopoly}
objective: {name: "generous:Cheapness"}
leader: {name: "generous:Cautious", share: 0.25}
training: {route: local, copies: 64, rollout_steps: 16, pretrain_iterations: 20, iterations: 10}
"""

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "cheap.yaml")
    path.write_text(EXPERIMENT, encoding="utf-8")
    run = pacesetter.train(path, runs=folder)
    print("the leader's answer:", run.answer, "objective:", run.results["objective/answer"])
    assert run.answer["leader_quantity"] == 3.0  # a quarter of 12
