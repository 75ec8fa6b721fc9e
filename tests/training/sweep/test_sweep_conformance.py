"""A sweep: its points, its trials as ordinary runs, what it shows, and that it goes on."""

from __future__ import annotations

import csv
import json

import pytest

from pacesetter.training.cli import main
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.runs.run_folder import RunFolder
from pacesetter.training.sweep import points
from pacesetter.training.sweep.trials import Sweep, run_trial, trials

TINY = (
    "training.copies=4",
    "training.rollout_steps=8",
    "training.pretrain_iterations=1",
    "training.iterations=2",
    "followers.minibatch_size=16",
    "evaluation.copies=2",
    "evaluation.episodes=2",
)


def test_the_grid_holds_every_combination_and_nothing_else():
    texts = ["a.b=1,[2, 3]", "a.c=1..3", "a.d=5", "e=x.yaml"]
    swept, fixed = points.read(texts, None)
    assert fixed == ["a.d=5", "e=x.yaml"]
    grid = points.points(swept, None)
    assert len(grid) == 6 and grid[0] == {"a.b": "1", "a.c": "1"}
    assert {point["a.b"] for point in grid} == {"1", "[2, 3]"}


def test_points_at_random_are_within_the_range_and_the_same_each_time():
    swept, _ = points.read(["rate=1e-4..1e-1", "share=0.2..0.4", "kind=a,b", "n=1..3"], 200)
    found = points.points(swept, 200)
    assert found == points.points(swept, 200)
    rates = sorted(float(point["rate"]) for point in found)
    assert rates[0] >= 1e-4 and rates[-1] <= 1e-1
    assert 1e-3 < rates[100] < 1e-2  # even in the logarithm
    assert all(0.2 <= float(point["share"]) <= 0.4 for point in found)
    assert {point["kind"] for point in found} == {"a", "b"}
    assert {point["n"] for point in found} == {"1", "2", "3"}


def test_a_trial_is_the_run_that_the_same_overrides_give(tmp_path):
    sweep = Sweep("duopoly_ppo", (*TINY, "followers.learning_rate=1e-3,1e-2"), seeds=2)
    every = trials(sweep)
    assert len(every) == 4 == len({trial.name for trial in every})
    trial = every[-1]
    own = load_experiment(
        "duopoly_ppo", [*TINY, "followers.learning_rate=1e-2", "seed=1", "training.route=local"]
    )
    assert sweep.load(trial.point, trial.seed) == own
    value = run_trial(tmp_path, sweep, trial, lambda iteration, objective: None)
    run = RunFolder.open(tmp_path / trial.name)
    assert run.experiment == own and run.read_results()["objective/answer"] == value
    before = (run.path / "results.json").stat().st_mtime_ns
    assert run_trial(tmp_path, sweep, trial, lambda iteration, objective: None) == value
    assert (run.path / "results.json").stat().st_mtime_ns == before


def test_a_sweep_ends_with_a_table_and_goes_on_from_what_is_finished(tmp_path, capsys):
    texts = [*TINY, "followers.learning_rate=1e-3,1e-2"]
    begin = ["sweep", "duopoly_ppo", *texts, "--runs", str(tmp_path), "--name", "rates"]
    assert main([*begin, "--jobs", "1"]) == 0
    folder = tmp_path / "rates"
    rows = list(csv.DictReader((folder / "sweep.csv").open()))
    assert [row["followers.learning_rate"] for row in rows] == ["1e-3", "1e-2"]
    for row, trial in zip(rows, trials(Sweep("duopoly_ppo", tuple(texts))), strict=True):
        kept = json.loads((folder / trial.name / "results.json").read_text())
        assert float(row["objective"]) == kept["objective/answer"] and row["seeds"] == "1"
    assert (folder / "sweep.png").stat().st_size > 5000
    said = capsys.readouterr().out
    assert "2/2" in said and "Trial status" not in said and "View detailed results" not in said
    assert main(begin) == 2
    assert f"pacesetter sweep --resume {folder}" in capsys.readouterr().err


@pytest.mark.parametrize("early", [False, True])
def test_only_trials_that_are_stopped_early_are_looked_at_meanwhile(early, tmp_path):
    texts = (*TINY, "training.iterations=10", "followers.learning_rate=1e-3,1e-2")
    sweep, told = Sweep("duopoly_ppo", texts, early=early), []
    run_trial(tmp_path, sweep, trials(sweep)[0], lambda *said: told.append(said))
    assert [iteration for iteration, _ in told] == (list(range(2, 12)) if early else [])
