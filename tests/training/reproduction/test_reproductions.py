"""The tables of the documentation: valid recipes, names of their own, no run of an old recipe."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.reproduction.judge import summarise
from pacesetter.training.reproduction.reproduce import reproduce
from pacesetter.training.reproduction.table import table
from pacesetter.training.studies.catalogue import tables
from pacesetter.training.studies.claims import Claim, Comparison, Reproduction, Trial


@pytest.mark.parametrize("name", tables())
def test_every_recipe_is_valid(name):
    reproduction = tables()[name]()
    for trial in reproduction.trials:
        load_experiment(trial.experiment, trial.overrides)
    names = {trial.name for trial in reproduction.trials}
    for trial in reproduction.trials:
        used = [c.baseline for c in (*trial.comparisons, *trial.matches) if c.baseline]
        assert names >= set(used), "a comparison with a trial that is not in the table"


def test_trials_of_one_name_are_of_one_recipe():
    """Tables share run folders by the names of their trials."""
    recipes = {}
    for make in tables().values():
        for trial in make().trials:
            recipe = load_experiment(trial.experiment, trial.overrides)
            assert recipes.setdefault(trial.name, recipe) == recipe, trial.name


def test_a_run_of_another_recipe_is_refused(tmp_path):
    folder = tmp_path / "runs" / "household_saving_seed_0"
    folder.mkdir(parents=True)
    stored = "market: {name: household_economy, households: 3}\nobjective: {name: welfare}\n"
    (folder / "config.yaml").write_text(stored + "leader: {name: fixed}\n")
    (folder / "results.json").write_text("{}")
    with pytest.raises(PacesetterError, match="household_saving_seed_0 was made by another recipe"):
        reproduce("household_saving", tmp_path / "runs", tmp_path / "out", seeds=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", tables())
def test_every_table_can_be_made_from_one_seed(name):
    """Its means have no interval: of one number there is none."""
    made = replace(tables()[name](), section=None, notes=())  # sections compute equilibria
    results = {trial.name: [defaultdict(lambda: 0.5)] for trial in made.trials}
    figures = summarise(made, results)
    assert json.dumps(figures, allow_nan=False)
    assert not [key for key in figures if key.endswith(("/standard_error", "/half_width_95"))]
    rows = table(made, results, "command", (0,)).splitlines()
    assert all(row.count("±") == 0 for row in rows if not row.startswith("| trial | figure"))


def test_intervals_over_seeds_are_of_student():
    """Over the seeds 1, 2 and 3: mean 2, standard error 0.577, and 4.303 of these at each side."""
    trials = (
        Trial("duopoly_ppo", "one", claims=(Claim("profit", high=1.0, per_seed=False),)),
        Trial("duopoly_ppo", "other", comparisons=(Comparison("profit", "profit", "one"),)),
    )
    results = {
        "one": [{"profit": value} for value in (1.0, 2.0, 3.0)],
        "other": [{"profit": value} for value in (0.5, 2.0, 2.0)],
    }
    made = Reproduction("title", trials, seeds=(0, 1, 2))
    figures = summarise(made, results)
    assert figures["one/profit/standard_error"] == pytest.approx(1 / np.sqrt(3))
    assert figures["one/profit/half_width_95"] == pytest.approx(4.303 / np.sqrt(3), rel=1e-4)
    gap = "other/profit < profit of one/difference"
    assert figures[gap] == pytest.approx(-0.5)
    assert figures[f"{gap}/half_width_95"] == pytest.approx(4.303 * 0.5 / np.sqrt(3), rel=1e-4)
    assert not [key for key in figures if "iqm" in key or "improvement" in key], "three are few"
    text = table(made, results, "command", (0, 1, 2))
    assert "| trial | figure | mean ± 95 % (t over seeds) | least … largest |" in text
    assert "| one | profit | 2 ± 2.5 | 1 … 3 |" in text
    assert "profit < profit of one (paired difference -0.5 ± 1.2) | yes |" in text
    assert "mean over seeds of profit <= 1 | **no** |" in text


def test_five_seeds_have_interquartile_means_and_chances_of_improvement():
    """Of 25 pairs of runs, 18 have the smaller profit here and one is a tie."""
    ours, theirs = (1.0, 2.0, 3.0, 4.0, 12.0), (3.5, 4.0, 5.0, 6.0, 7.0)
    trials = (
        Trial("duopoly_ppo", "one", report=("profit",)),
        Trial(
            "duopoly_ppo",
            "other",
            comparisons=(Comparison("profit", "profit", "one"), Comparison("profit", "cost")),
        ),
    )
    results = {
        "one": [{"profit": value} for value in theirs],
        "other": [{"profit": value, "cost": 20.0} for value in ours],
    }
    made = Reproduction("title", trials)
    figures = summarise(made, results)
    assert figures["other/profit/iqm"] == pytest.approx(3.0)
    assert 1.0 <= figures["other/profit/iqm_low"] <= 2.0
    assert figures["other/profit/iqm_high"] <= 12.0
    chance = "other/profit < profit of one/probability_of_improvement"
    assert figures[chance] == pytest.approx(18.5 / 25)
    assert figures[f"{chance}_low"] < 0.5 < figures[chance] < figures[f"{chance}_high"] <= 1.0
    assert "other/profit < cost/probability_of_improvement" not in figures, "of one run"
    text = table(made, results, "command", (0, 1, 2, 3, 4))
    low, high = (figures[f"{chance}_{end}"] for end in ("low", "high"))
    assert f"(paired difference -0.7 ± 4; P 0.74 [{low:.2g}, {high:.2g}]) | yes |" in text
    assert "P: chance that a run has the smaller figure" in text
    assert "P: chance" not in table(replace(made, trials=trials[:1]), results, "command", (0,))
