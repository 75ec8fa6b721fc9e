"""The execution study held to executors whose decisions are known."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.execution.baselines import RULES
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.play import play
from pacesetter.training.policies.policies import Trained
from pacesetter.training.studies.execution import tables as execution_reproductions
from pacesetter.training.studies.execution.figures import design_figure
from pacesetter.training.studies.execution.study import (
    DESIGNS,
    EXECUTION_STUDY,
    SEEDS_APART,
    RuleFollowers,
)
from pacesetter.training.studies.execution.tables import execution


class Followers(RuleFollowers):
    """Executors of a rule under no leader."""

    has_leader = False


def trained(rule, name="execution_conditional", *overrides):
    experiment = load_experiment(name, ("evaluation.copies=6", *overrides))
    theta = experiment.leader.search(experiment.market.characteristics, 0).best()
    return Trained(experiment, Followers(experiment.market, RULES[rule]), theta)


@pytest.fixture(scope="module")
def found():
    return EXECUTION_STUDY.measure(trained("twap"))


def test_a_rule_saves_nothing_over_itself(found):
    for label in ("", *(f"{design}/" for design in DESIGNS)):
        assert found.results[f"{label}saved_over/twap"] == 0.0
        assert found.results[f"{label}saved_over/twap/standard_error"] == 0.0
        ours, other = (found.results[f"{label}{of}cost_bp"] for of in ("", "all_at_once/"))
        assert found.results[f"{label}saved_over/all_at_once"] == pytest.approx(other - ours)
        assert found.results[f"{label}completed"] == 1.0
    assert found.results["default/cost_bp"] == found.results["cost_bp"]


def test_fees_are_paid_by_whoever_takes(found):
    """TWAP takes all its shares at a fee of one basis point."""
    rise = found.results["fee/cost_bp"] - found.results["default/cost_bp"]
    assert rise == pytest.approx(1.0, rel=1e-3)


def test_training_seeds_have_episodes_of_their_own(found):
    other = EXECUTION_STUDY.measure(trained("twap", "execution_conditional", "seed=1"))
    assert other.results["cost_bp"] != found.results["cost_bp"]
    case = trained("twap", "execution_conditional", f"evaluation.seed={1_000_000 + SEEDS_APART}")
    played = play(case.experiment, case.policies, case.theta)
    cost = played.quantities["cost_bp"].sum(axis=1).mean()
    assert other.results["cost_bp"] == pytest.approx(cost)


def test_every_row_has_a_result_and_every_picture_is_drawn(found):
    experiment = trained("twap").experiment
    assert {row.ours for row in EXECUTION_STUDY.rows(experiment)} <= set(found.results)
    drawn = EXECUTION_STUDY.figures(experiment, found.results, found.arrays)
    assert set(drawn) == {"cost", "book"}
    assert found.arrays["book/levels"].shape == (11, 4, 10)
    assert found.arrays["book/filled"].sum() == 50
    assert (found.arrays["book/filled"][1::2] == 0).all()  # TWAP holds every other decision


def test_a_calibration_says_how_far_it_is_from_what_was_planted():
    case = trained("passive_then_cross", "execution_calibration")
    results = EXECUTION_STUDY.measure(case).results
    space = case.experiment.market.characteristics
    planted = case.experiment.objective.reference.theta
    for name in planted:
        column = space.names.index(name)
        span = space.high[column] - space.low[column]
        away = abs(case.theta[column] - planted[name]) / span
        assert results[f"recovery_error/{name}"] == pytest.approx(away)


def test_what_fees_do_is_drawn():
    case = trained("all_at_once", "execution_fee", "leader.name=fixed", "market.decisions=5")
    found = EXECUTION_STUDY.measure(case)
    costs = found.arrays["fees/cost_bp"] - found.arrays["fees/cost_bp"][0]
    np.testing.assert_allclose(costs, found.arrays["fees"], rtol=1e-2)
    # Whoever always takes trades alike at every fee, and costs no more than the best fee: none.
    rewards = found.arrays["fees/leader_reward"]
    assert rewards.argmax() == 0 and found.results["leader_regret"] == 0.0
    drawn = EXECUTION_STUDY.figures(case.experiment, found.results, found.arrays)
    assert set(drawn) == {"cost", "book", "fees"}


def test_savings_are_drawn_by_design():
    savings = {d: {"everywhere": np.ones(3), "there": np.ones(1)} for d in DESIGNS}
    assert len(design_figure(savings).axes[0].get_xticks()) == len(DESIGNS)


# The table ----------------------------------------------------------------------------------------


def test_the_designs_of_the_table_are_those_of_the_study():
    assert set(execution_reproductions.DESIGNS) == set(DESIGNS)
    for trial in execution().trials:
        experiment = load_experiment(trial.experiment, trial.overrides)
        for name, theta in DESIGNS.items():
            if trial.name == execution_reproductions._label(name):
                answer = experiment.leader.search(experiment.market.characteristics, 0).best()
                expected = experiment.market.characteristics.validate(theta)[0]
                np.testing.assert_array_equal(answer, expected)


def test_the_worst_shortfall_is_counted_in_standard_errors():
    """At one design the one executor saves 2 ± 1 less (deviation √2), elsewhere it saves more."""
    savings = {"default": ([1.0, 3.0], [4.0, 4.0]), "fee": ([2.0, 5.0], [1.0, 1.0])}
    savings["thin"] = ([1.0, 1.0], [1.0, 1.0])
    results = {execution_reproductions.CONDITIONAL: [{}, {}]}
    for design, (everywhere, there) in savings.items():
        key = f"{design}/saved_over/twap"
        for run, value in zip(
            results[execution_reproductions.CONDITIONAL], everywhere, strict=True
        ):
            run[key] = value
        results[execution_reproductions._label(design)] = [{key: value} for value in there]
    difference = execution_reproductions.difference(results, "default")
    np.testing.assert_allclose(difference, [-3.0, -1.0])
    np.testing.assert_allclose(execution_reproductions.largest_ratio(results), [2.0 / 1.0])
