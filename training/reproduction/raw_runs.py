"""The runs behind a table in the format that marl-eval reads (github.com/instadeepai/marl-eval).

``{environment: {task: {algorithm: {run: {step: {metric: [values]}}}}}}``, where an environment must
have every algorithm on every task, with the same metrics and number of runs. The environment is the
table, whose metrics are those that all of its trials have; what a trial has alone is in an
environment of its own, ``TABLE: TASK; ALGORITHM``. A run has one step, the evaluation after
training, and the same again as its ``absolute_metrics``. The README turns a file into rliable's
score matrices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..experiments.experiment import Experiment
from ..experiments.load import load_experiment
from ..studies.claims import Reproduction, Results, Trial

RETURN = "objective/answer"
Runs = dict[str, dict[str, dict[str, dict[str, dict[str, Any]]]]]


@dataclass(frozen=True)
class Entry:
    """What all seeds of one trial gave.

    Attributes:
        task, algorithm: names in the file; commas, which marl-eval keeps for pairs of algorithms,
            become semicolons.
        steps: of the market, all copies together, in training.
        runs: name of a metric -> value, by seed.
    """

    task: str
    algorithm: str
    steps: int
    runs: Sequence[Mapping[str, float]]


def runs_of(table: str, reproduction: Reproduction, results: Results, seeds: Sequence[int]) -> Runs:
    """Everything of a table's runs that it judges or reports, and the leader's objective."""
    wanted = dict.fromkeys([RETURN, *(k for t in reproduction.trials for k in _keys(t))])
    entries = []
    for trial in reproduction.trials:
        experiment = load_experiment(trial.experiment, trial.overrides)
        task = trial.task or experiment.market.name
        runs = [{k: run[k] for k in wanted if k in run} for run in results[trial.name]]
        entries.append(Entry(task, trial.algorithm or trial.name, env_steps(experiment), runs))
    return in_marl_eval_format(table, entries, seeds)


def in_marl_eval_format(table: str, entries: Sequence[Entry], seeds: Sequence[int]) -> Runs:
    """Entries by environment, as the head of this file says."""
    held = [[k for k in e.runs[0] if all(k in run for run in e.runs)] for e in entries]
    shared = [k for k in held[0] if all(k in keys for keys in held)]
    file: Runs = {}
    for entry, keys in zip(entries, held, strict=True):
        algorithm, task = entry.algorithm.replace(",", ";"), entry.task.lower()
        alone = [key for key in keys if key not in shared]
        own = f"{table}: {task}; {algorithm}".lower()
        for environment, chosen in ((table, shared), (own, alone)):
            if chosen:
                tasks = file.setdefault(environment, {}).setdefault(task, {})
                tasks[algorithm] = {
                    f"seed_{seed}": _run(run, chosen, entry.steps)
                    for seed, run in zip(seeds, entry.runs, strict=True)
                }
    return file


def env_steps(experiment: Experiment) -> int:
    """Steps of the market in training, all copies and runners together."""
    training = experiment.training
    copies = training.copies * max(1, training.env_runners)
    return copies * training.rollout_steps * (training.pretrain_iterations + training.iterations)


def _run(run: Mapping[str, float], metrics: Sequence[str], steps: int) -> dict[str, Any]:
    values = {metric: [run[metric]] for metric in metrics}
    return {"step_1": {"step_count": steps, **values}, "absolute_metrics": values}


def _keys(trial: Trial) -> list[str]:
    keys = [claim.key for claim in trial.claims] + [match.key for match in trial.matches]
    keys += [key for c in trial.comparisons for key in (c.smaller, c.larger)]
    return [*keys, *trial.report]
