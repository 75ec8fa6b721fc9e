"""The files of raw runs: what marl-eval says that it reads, and what the overview makes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import pacesetter
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.reproduction.raw_runs import Entry, in_marl_eval_format, runs_of
from pacesetter.training.reproduction.reproduce import reproduce
from pacesetter.training.runs.run_folder import RunFolder
from pacesetter.training.studies.catalogue import tables

RESULTS = Path(pacesetter.__file__).parent / "docs" / "results"
OVERVIEW = (RESULTS / "overview.md").read_text(encoding="utf-8")
SEEDS = (0, 1)


def made_up(reproduction):
    """Results with every figure that the table asks for, each a number of its own."""
    results = {}
    for place, trial in enumerate(reproduction.trials):
        keys = {"objective/answer", *(claim.key for claim in trial.claims), *trial.report}
        keys |= {key for c in trial.comparisons for key in (c.smaller, c.larger)}
        results[trial.name] = [
            {key: 100.0 * place + 10.0 * seed + at for at, key in enumerate(sorted(keys))}
            for seed in SEEDS
        ]
    return results


def read(file):
    """A reader of the layout in marl-eval's README; environment -> shape of all that it holds."""
    shapes = {}
    for environment, tasks in file.items():
        assert environment == environment.lower()
        algorithms, metrics = set(), set()
        for task, by_algorithm in tasks.items():
            assert task == task.lower()
            algorithms.add(tuple(by_algorithm))
            for algorithm, runs in by_algorithm.items():
                assert "," not in algorithm
                assert list(runs) == [f"seed_{seed}" for seed in SEEDS]
                for steps in runs.values():
                    assert list(steps) == ["step_1", "absolute_metrics"]
                    step, absolute = dict(steps["step_1"]), steps["absolute_metrics"]
                    assert isinstance(step.pop("step_count"), int)
                    assert step == absolute
                    assert all(len(v) == 1 and isinstance(v[0], float) for v in step.values())
                    metrics.add(tuple(absolute))
        assert len(algorithms) == 1, f"{environment}: not every algorithm on every task"
        assert len(metrics) == 1, f"{environment}: not the same metrics everywhere"
        shapes[environment] = (len(tasks), len(next(iter(algorithms))), len(next(iter(metrics))))
    return shapes


@pytest.mark.parametrize("name", tables())
def test_the_runs_of_every_table_are_as_marl_eval_reads_them(name):
    reproduction = tables()[name]()
    results = made_up(reproduction)
    shapes = read(json.loads(json.dumps(runs_of(name, reproduction, results, SEEDS))))
    tasks, algorithms, _ = shapes[name]
    assert tasks * algorithms == len(reproduction.trials)
    assert sum(t * a * m for t, a, m in shapes.values()) == sum(
        len(runs[0]) for runs in results.values()
    )


def test_what_a_trial_has_alone_is_apart():
    runs = [{"return": 1.0, "regret": 2.0}, {"return": 3.0, "regret": 4.0, "now and then": 5.0}]
    entries = [Entry("Task", "a, b", 10, runs), Entry("Task", "c", 20, [{"return": 6.0}] * 2)]
    file = in_marl_eval_format("table", entries, SEEDS)
    assert read(file) == {"table": (1, 2, 1), "table: task; a; b": (1, 1, 1)}
    assert file["table"]["task"]["a; b"]["seed_1"]["step_1"] == {"step_count": 10, "return": [3.0]}
    alone = file["table: task; a; b"]["task"]["a; b"]
    assert [run["absolute_metrics"]["regret"] for run in alone.values()] == [[2.0], [4.0]]


def test_the_lines_of_the_overview_make_rliables_matrices(tmp_path, monkeypatch):
    """Algorithm -> scores, ``(runs, tasks)``."""
    (lines,) = re.findall(r"```python\n(import json.*?)```", OVERVIEW, flags=re.DOTALL)
    reproduction = tables()["market_entry"]()
    results = made_up(reproduction)
    (tmp_path / "docs" / "results").mkdir(parents=True)
    file = tmp_path / "docs" / "results" / "market_entry.runs.json"
    file.write_text(json.dumps(runs_of("market_entry", reproduction, results, SEEDS)))
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(lines, found)
    assert list(found["scores"]) == ["no tax", "PPO leader", "Bayesian leader"]
    for leader, scores in found["scores"].items():
        expected = [
            [results[f"{leader}, C = {c}"][s]["attendance_deviation"] for c in range(2, 20, 2)]
            for s in SEEDS
        ]
        np.testing.assert_array_equal(scores, expected)


def test_reproduce_writes_them_beside_the_table(tmp_path):
    reproduction = tables()["labour_tax"]()
    results = made_up(reproduction)
    for trial in reproduction.trials:
        plain = "".join(c if c.isalnum() else "_" for c in trial.name)
        experiment = load_experiment(
            trial.experiment, ("training.refine=0", *trial.overrides, "seed=0")
        )
        run = RunFolder.create(tmp_path / "runs", experiment, f"{plain}_seed_0")
        run.write_results(results[trial.name][0])
    reproduce("labour_tax", tmp_path / "runs", tmp_path / "out", seeds=1)
    file = json.loads((tmp_path / "out" / "labour_tax.runs.json").read_text())
    one = reproduction.trials[0]
    written = file["labour_tax"][one.task.lower()][one.algorithm]["seed_0"]
    values = {key: value[0] for key, value in written["absolute_metrics"].items()}
    assert values == results[one.name][0]
    training = load_experiment(one.experiment).training
    steps = training.copies * training.rollout_steps
    steps *= training.pretrain_iterations + training.iterations
    assert written["step_1"]["step_count"] == steps
