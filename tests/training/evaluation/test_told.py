"""Every report of a calibration says what the data can tell, once, and fails no run."""

from __future__ import annotations

import numpy as np
import pytest
from small_markets import DESIGN, DEVIATION

from pacesetter.training.evaluation import told as told_module
from pacesetter.training.evaluation.evaluate import load_trained
from pacesetter.training.evaluation.identify import Identified
from pacesetter.training.evaluation.told import FILE, told
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.runs.run_folder import RunFolder
from pacesetter.training.session import run_experiment

PERIODS = 4
LINEAR = """
market: {{name: "small_markets:LinearGaussian"}}
objective: {objective}
leader: {{name: random}}
training: {{copies: 4, rollout_steps: 4, iterations: 2, pretrain_iterations: 0}}
evaluation: {{copies: 500, episodes: 4}}
"""
STATISTICS = (
    "{name: statistics, reference: {name: planted, theta: {x0: 1.0}, number: 400}, ridge: 0.0, "
    "statistics: [{quantity: y0}, {quantity: y1}, {quantity: y2}, {quantity: y3}, {quantity: y4}]}"
)


def finished(folder, objective, *overrides):
    path = folder / "linear.yaml"
    path.write_text(LINEAR.format(objective=objective))
    run = RunFolder.create(folder, load_experiment(str(path), overrides), "run")
    run_experiment(run, quiet=True)
    return run


def test_a_report_says_what_statistics_tell_of_the_answer_and_works_it_out_once(
    tmp_path, capsys, monkeypatch
):
    run = finished(tmp_path, STATISTICS)
    exact = np.linalg.inv(DESIGN.T @ DESIGN) * DEVIATION**2 / (400 * PERIODS)
    found = run.read_results()["least_standard_error/x0"]
    assert found == pytest.approx(np.sqrt(exact[0, 0]), rel=0.15)
    shown = capsys.readouterr().out
    assert "data allow ±" in shown and "400 paths of data" in shown
    monkeypatch.setattr(told_module, "_worked_out", None)  # nobody asks twice
    assert isinstance(told(RunFolder.open(run.path), load_trained(run)), Identified)


def test_distributions_are_told_by_their_mean_and_deviation_and_followers_as_trained(tmp_path):
    overrides = [
        "training.pretrain_iterations=2", "training.iterations=2", "training.copies=8",
        "training.route=local", "training.rollout_steps=20", "evaluation.copies=32",
        "evaluation.episodes=2", "leader.initial_points=2",
    ]  # fmt: skip
    experiment = load_experiment("cobweb_planted_bayesian", overrides)
    run = RunFolder.create(tmp_path, experiment, "run")
    run_experiment(run, quiet=True)
    found = Identified.read(run.path / FILE)
    assert found.statistics == ("mean(price)", "deviation(price)")
    assert list(found.theta) == list(experiment.market.characteristics.names)


def test_what_cannot_be_told_is_a_sentence_and_no_failure(tmp_path, monkeypatch):
    run = finished(tmp_path, STATISTICS)
    (run.path / FILE).unlink()

    def fails(*_):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(told_module, "identify", fails)
    assert told(run, load_trained(run)) == "what the data can tell is not known: boom"
    assert not (run.path / FILE).exists()


def test_a_run_that_calibrates_nothing_has_no_table(tmp_path):
    run = finished(tmp_path, "{name: quantity, quantity: y0}")
    assert told(run, load_trained(run)) is None and not (run.path / FILE).exists()
