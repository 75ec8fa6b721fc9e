"""Calibrate a market to prices of your own: how costly is information to those who made them?

The file is made here from a market whose answer is known, so that what is found can be judged.
"""

import csv
import tempfile
from pathlib import Path

import pacesetter

EXPERIMENT = """
market: {{name: cobweb, treatment: unstable}}
objective: {{name: calibration, distance: energy, reference: {{name: csv, path: {path}}}}}
leader: {{name: bayesian, candidates: 8, update_every: 2}}
followers: {{discount: 0.0}}
training: {{route: local, copies: 64, rollout_steps: 50, pretrain_iterations: 60, iterations: 60}}
"""
TRUE = {"mean_information_cost": 0.4}

with tempfile.TemporaryDirectory() as folder:
    market = pacesetter.make("cobweb", treatment="unstable")
    theta = market.characteristics.validate(TRUE)[0]
    prices, path = market.planted_sample(theta, 2000, seed=1), Path(folder, "prices.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["price"], *([f"{price:.6f}"] for price in prices)])
    experiment = Path(folder, "mine.yaml")
    experiment.write_text(EXPERIMENT.format(path=path), encoding="utf-8")
    run = pacesetter.train(experiment, runs=folder)
    print("found:", run.answer, "true:", TRUE)
    print("pictures of prices beside yours:", list(run.figures()))
    # From prices alone a spread of the costs cannot be told from a higher mean; see the limits.
    assert 0.1 < run.answer["mean_information_cost"] < 0.8
