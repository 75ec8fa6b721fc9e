"""A run that fails says why and leaves its last checkpoint usable."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.loop.trainer import train
from pacesetter.training.runs.history import read_history
from pacesetter.training.runs.run_folder import RunFolder

MODULE = '''
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pacesetter.envs.duopoly.market import Duopoly


@dataclass(frozen=True)
class Broken(Duopoly):
    """Fails while a file called ``fault`` exists, in the way the file says."""

    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        fault = Path("fault").read_text() if Path("fault").exists() else ""
        if fault == "raise":
            raise ZeroDivisionError("a bug in the user's market")
        if fault == "nan":
            rewards = {name: reward * float("nan") for name, reward in step.rewards.items()}
            return replace(step, rewards=rewards)
        if fault == "shape":
            rewards = {name: np.tile(reward, 2) for name, reward in step.rewards.items()}
            return replace(step, rewards=rewards)
        return step
'''


ON_THE_STOCK_ROUTE = (
    "leader.update_every=1",
    "leader.final_action_deviation=null",
    "followers.final_action_deviation=null",
)


@pytest.mark.parametrize(
    ("fault", "route", "expected"),
    [
        ("raise", "array", "ZeroDivisionError: a bug in the user's market"),
        ("nan", "array", "not finite"),
        ("raise", "stock", "ZeroDivisionError: a bug in the user's market"),
        ("nan", "stock", "is nan, which is not a finite number"),
        ("shape", "stock", r"have the shape \(1, 2\)"),
    ],
)
def test_a_failing_market_stops_the_run_with_its_checkpoint(
    fault, route, expected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"user_market_{fault}_{route}"
    (tmp_path / f"{module}.py").write_text(MODULE)
    experiment = load_experiment(
        "duopoly_ppo",
        [
            f"market.name={module}:Broken",
            f"training.route={route}",
            "training.copies=8",
            "training.rollout_steps=4",
            "training.pretrain_iterations=2",
            "training.iterations=4",
            "training.checkpoint_every=2",
            "followers.minibatch_size=32",
            *(ON_THE_STOCK_ROUTE if route == "stock" else ()),
        ],
    )
    run = RunFolder.create("runs", experiment)  # a relative path, as a user would give it
    arm_after(run, 3, fault, monkeypatch)
    with pytest.raises(PacesetterError, match=expected) as stopped:
        train(run, quiet=True)
    checkpoint = run.path / "checkpoints" / "iteration_000002"
    assert f"{checkpoint}; go on with 'pacesetter train --resume" in str(stopped.value)
    assert "Traceback" in (run.path / "error.log").read_text()

    (tmp_path / "fault").unlink()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    outcome = train(RunFolder.open(run.path), quiet=True)
    assert outcome.iterations == 6
    assert outcome.theta is not None
    assert [row["iteration"] for row in read_history(run.path)] == [0, 1, 2, 3, 4, 5]


def arm_after(run, iterations, fault, monkeypatch):
    """Let the market fail from the given iteration on."""
    from pacesetter.training.runs.history import History

    original = History.add

    def add(self, iteration, values):
        original(self, iteration, values)
        if iteration + 1 == iterations:
            Path("fault").write_text(fault)

    monkeypatch.setattr(History, "add", add)


def test_more_workers_than_cores_are_refused_and_not_waited_for():
    from dataclasses import replace

    from pacesetter.training.rllib.backend import start_ray

    experiment = load_experiment("duopoly_ppo")
    start_ray(experiment)
    crowded = replace(experiment, training=replace(experiment.training, env_runners=500))
    with pytest.raises(PacesetterError, match="ask for 500 workers"):
        start_ray(crowded)


def test_many_more_runners_than_cores_are_refused_before_anything_starts(monkeypatch):
    from pacesetter.training.experiments import place

    monkeypatch.setattr(place, "cores_here", lambda: 2)
    few, many = (load_experiment("duopoly_ppo", [f"training.env_runners={n}"]) for n in (8, 9))
    place.check_place(few, None)
    with pytest.raises(PacesetterError, match=r"env_runners is 9, .* 2 core\(s\).* to 8 or less"):
        place.check_place(many, None)
    place.check_place(many, "10.0.0.1:6379")


def test_a_long_iteration_is_told_with_its_place_in_a_users_code(capsys):
    import time
    from types import SimpleNamespace

    from pacesetter.training.loop.waiting import LongWait

    wait = LongWait("fishing", patience=0.05)
    wait.begin()
    space = SimpleNamespace(sleep=time.sleep)
    exec(compile("sleep(0.3)", "/market/fishery.py", "exec"), vars(space))
    wait.end()
    assert "fishing: an iteration has taken 0 s so far, at /market/fishery.py:1" in (
        capsys.readouterr().out
    )
