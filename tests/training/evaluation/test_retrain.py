"""Followers trained anew at a run's answer, compared in the same episodes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.cli import main
from pacesetter.training.evaluation import retrain
from pacesetter.training.evaluation.retrain import compare, retraining_experiment
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies, Trained
from pacesetter.training.runs.run_folder import RunFolder

TINY = (
    "training.copies=16",
    "training.rollout_steps=8",
    "training.pretrain_iterations=4",
    "training.iterations=8",
    "followers.minibatch_size=32",
    "evaluation.copies=4",
    "evaluation.episodes=2",
    "training.route=local",
)


def command(*arguments):
    return main(list(map(str, arguments)))


class Answers:
    """Followers of the duopoly who answer with one quantity, whatever the leader does."""

    has_leader = False

    def __init__(self, quantity):
        self.quantity = quantity

    def act(self, state, generator, greedy=False):
        return {"follower": np.full((len(state.theta), 1, 1), self.quantity)}


def duopoly(quantity):
    experiment = load_experiment("duopoly_fixed", ["leader.theta.leader_quantity=6.0"])
    return Trained(experiment, Answers(quantity), np.array([6.0]))


def test_the_gap_is_what_the_leader_loses_when_followers_do_their_best():
    """Price 12 − q_L − q_F: a follower who supplies 1 instead of 3 leaves the leader 12 more."""
    found = compare(duopoly(1.0), duopoly(3.0))
    assert found["objective/as_trained"] == pytest.approx(30.0)
    assert found["objective/retrained"] == pytest.approx(18.0)
    assert found["leader_gap"] == pytest.approx(12.0)
    assert found["leader_gap/standard_error"] == pytest.approx(0.0, abs=1e-12)
    assert found["reward/follower/retrained"] > found["reward/follower/as_trained"]
    assert found["follower_gap/follower"] == pytest.approx((9.0 - 5.0) / 9.0)  # paid in units of 9


def test_followers_are_retrained_once_and_shown_again(tmp_path, capsys):
    line = ("train", "duopoly_ppo", *TINY, "--runs", tmp_path, "--name", "run", "--quiet")
    assert command(*line) == 0
    run = tmp_path / "run"
    assert command("certify", run, "--retrain", "--quiet") == 0
    found = json.loads((run / "retrained.json").read_text())
    answer = json.loads((run / "answer.json").read_text())
    again = load_experiment(run / "retrained" / "config.yaml")
    assert again.leader.theta == pytest.approx(answer)
    assert (again.training.pretrain_iterations, again.training.iterations) == (0, 12)
    assert found["leader_gap"] == pytest.approx(
        found["objective/as_trained"] - found["objective/retrained"]
    )
    before = (run / "retrained" / "results.json").stat().st_mtime_ns
    capsys.readouterr()
    assert command("certify", run, "--retrain", "--quiet") == 0
    assert "leader_gap" in capsys.readouterr().out
    assert (run / "retrained" / "results.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("answer", "iterations", "kept"), [(6.0, 0, True), (5.5, 0, False), (6.0, 30, False)]
)
def test_for_another_answer_they_are_trained_anew(
    answer, iterations, kept, tmp_path, monkeypatch, capsys
):
    """A run that was resumed with more iterations ends with another answer, or trained longer."""
    first = duopoly(3.0)
    run = RunFolder.create(tmp_path, first.experiment, "run")
    there = RunFolder.create(run.path, retraining_experiment(first), "retrained")
    (there.path / "trace.txt").write_text("of the earlier one")
    (run.path / "retrained.json").write_text("{}")
    settings = first.experiment.training
    longer = replace(settings, iterations=settings.iterations + iterations)
    changed = replace(
        first, theta=np.array([answer]), experiment=replace(first.experiment, training=longer)
    )
    trained = []
    monkeypatch.setattr(retrain, "load_trained", lambda folder: changed)
    monkeypatch.setattr(
        retrain, "train", lambda folder, *rest, **named: trained.append(folder) or Interrupted
    )
    assert retrain.retrain(run) is None
    (folder,) = trained
    assert folder.path == there.path
    stored = load_experiment(there.path / "config.yaml")
    assert stored.leader.theta == {"leader_quantity": answer}
    assert stored.training.iterations == retraining_experiment(changed).training.iterations
    assert (there.path / "trace.txt").exists() == kept
    assert (run.path / "retrained.json").exists() == kept
    assert ("trained anew" in capsys.readouterr().out) == (not kept)


class Interrupted:
    """The outcome of a training that was stopped."""

    theta = None


def test_at_a_theta_that_moves_within_the_episode_nobody_is_retrained():
    experiment = load_experiment("market_entry_ppo")
    trained = Trained(experiment, Policies.untrained(experiment), np.array([0.05]))
    with pytest.raises(PacesetterError, match=r"every 1 steps.*leader\.interval=episode"):
        retraining_experiment(trained)


def test_an_unfinished_run_is_refused(tmp_path, capsys):
    assert command("certify", tmp_path / "nowhere", "--retrain") == 2
    assert "there is no such folder" in capsys.readouterr().err
