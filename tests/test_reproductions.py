"""The tables of the documentation: valid recipes, names of their own, no run of an old recipe."""

from __future__ import annotations

import pytest

from pacesetter.envs.errors import PacesetterError
from pacesetter.training.experiment import load_experiment
from pacesetter.training.reproduce import reproduce
from pacesetter.training.reproductions import REPRODUCTIONS


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_every_recipe_is_valid(name):
    reproduction = REPRODUCTIONS[name]()
    for trial in reproduction.trials:
        load_experiment(trial.experiment, trial.overrides)
    names = {trial.name for trial in reproduction.trials}
    for trial in reproduction.trials:
        used = [c.baseline for c in (*trial.comparisons, *trial.matches) if c.baseline]
        assert names >= set(used), "a comparison with a trial that is not in the table"


def test_trials_of_one_name_are_of_one_recipe():
    """Tables share run folders by the names of their trials."""
    recipes = {}
    for make in REPRODUCTIONS.values():
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
