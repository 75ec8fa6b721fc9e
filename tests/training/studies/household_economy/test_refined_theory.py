"""The table of refined taxes: rivals beside the answer, directions as they fall."""

from __future__ import annotations

from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.studies.household_economy.refined import (
    RIVALS,
    SEEN,
    UNSEEN,
    beside_baselines,
    household_refined,
    household_refined_unseen,
)
from pacesetter.training.studies.household_economy.tables import DIRECTIONS


def test_every_trial_refines_against_all_four_baselines() -> None:
    seen = {}
    for trial in (*household_refined().trials, *household_refined_unseen().trials):
        experiment = load_experiment(trial.experiment, ("training.refine=0", *trial.overrides))
        assert experiment.training.refine > 0
        assert experiment.market.households == 100
        assert len(experiment.training.baselines) == 1 and len(experiment.training.rules) == 2
        assert {f"refined/above/{name}_high" for name in RIVALS if name != "before"} <= {
            claim.key for claim in trial.claims
        }
        seen[trial.name] = experiment.market.mean_wealth_seen
    assert seen == {SEEN: True, UNSEEN: False}


def test_an_answer_of_no_tax_has_no_directions_and_others_have_theirs() -> None:
    taxed = {"refined/above/default": 0.2, "refined/above/default_low": 0.1}
    taxed |= {"refined/above/default_high": 0.3}
    taxed |= {name: 1.0 for name, _ in DIRECTIONS} | {f"untaxed/{n}": 0.5 for n, _ in DIRECTIONS}
    lines = beside_baselines({SEEN: [taxed], UNSEEN: [{}]})
    (beside, directions) = [line for line in lines if line.startswith("| mean wealth seen | 0")]
    assert "0.200 [0.100, 0.300]" in beside
    assert directions.count("as there") == sum(up for _, up in DIRECTIONS)
    empty = [line for line in lines if line.startswith("| mean wealth not seen | 0")]
    assert all(not line.split("| 0 |")[1].strip("| ") for line in empty)
