"""The market maker's study held to makers whose quotes are known; preferences from every source."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Trained
from pacesetter.training.reproduction.judge import judge
from pacesetter.training.studies.claims import Comparison, Match, Trial
from pacesetter.training.studies.market_maker.figures import preference_figure, regret_figure
from pacesetter.training.studies.market_maker.study import GRID, MARKET_MAKER_STUDY

FEW_ROLLOUTS = ("evaluation.copies=4", "market.periods=5")


class Quotes:
    """A maker who quotes by a function of the price's deviation and ω, under no leader."""

    has_leader = False

    def __init__(self, half_spread):
        self.half_spread = half_spread

    def act(self, state, generator, greedy=False):
        quoted = self.half_spread(state.price - 100.0, state.theta[:, 0])
        return {"market_maker": np.broadcast_to(quoted, state.price.shape)[:, None, None]}


def trained(name, half_spread, *overrides):
    experiment = load_experiment(name, (*FEW_ROLLOUTS, *overrides))
    theta = experiment.leader.search(experiment.market.characteristics, 0).best()
    return Trained(experiment, Quotes(half_spread), theta)


@pytest.fixture(scope="module")
def solver():
    return load_experiment("market_maker_preferences", FEW_ROLLOUTS).market.best_quotes


def test_the_best_quotes_have_no_regret(solver):
    case = trained("market_maker_preferences", solver.half_spread)
    found = MARKET_MAKER_STUDY.measure(case)
    np.testing.assert_allclose(found.arrays["reward_share"], 1.0, atol=1e-12)
    np.testing.assert_allclose(found.arrays["played_reward_share"], 1.0, atol=1e-3)
    assert found.results["largest_regret"] == pytest.approx(0.0, abs=1e-12)
    assert found.results["regret_elsewhere/0.5"] == pytest.approx(0.0, abs=1e-12)
    assert found.results["half_spread/0.5"] == pytest.approx(3.926, abs=1e-3)
    assert found.results["least_rise_of_spread"] == pytest.approx(4.569 - 4.352, abs=2e-3)
    assert found.results["largest_rise_of_volume"] == pytest.approx(0.2333 - 0.2450, abs=2e-4)
    assert found.results["leader_entropy"] == pytest.approx(np.log(11))
    labels = {row.ours for row in MARKET_MAKER_STUDY.rows(case.experiment)}
    assert labels <= set(found.results)


def test_the_regret_of_a_maker_who_ignores_its_preference(solver):
    """One rule, the best one at ω = 1, played and computed at every ω."""
    rule = solver.half_spread(solver.deviations, 1.0)
    case = trained(
        "market_maker_fixed",
        lambda d, weight: np.interp(d, solver.deviations, rule),
        "leader.theta.profit_weight=1.0",
        "evaluation.copies=400",
    )
    found = MARKET_MAKER_STUDY.measure(case)
    share = found.arrays["reward_share"]
    assert found.results["reward_share/1"] == pytest.approx(1.0, abs=1e-12)
    assert (np.diff(share) > 0).all()
    # At ω = 0 the reward is the share of takers who trade.
    expected = solver.means(rule, 0.0)["market_share"] / 0.5
    assert share[0] == pytest.approx(expected, rel=1e-9)
    elsewhere = 1 - share[np.isin(found.arrays["preferences"], [0.0, 0.25, 0.5, 0.75])].mean()
    assert found.results["regret_elsewhere/1"] == pytest.approx(elsewhere)
    np.testing.assert_allclose(found.arrays["played_reward_share"], share, atol=0.02)
    assert [row.ours for row in MARKET_MAKER_STUDY.rows(case.experiment)] == [
        "half_spread/1",
        "profit/1",
        "market_share/1",
        "reward_share/1",
        "leader_entropy",
    ]


def test_a_constant_half_spread_varies_no_spread_but_profits_vary(solver):
    found = MARKET_MAKER_STUDY.measure(
        trained("market_maker_preferences", lambda d, weight: 2.0, "evaluation.copies=50")
    )
    np.testing.assert_allclose(found.arrays["half_spread"], 2.0, rtol=1e-12)
    np.testing.assert_allclose(found.arrays["rollout_deviation/half_spread"], 0.0, atol=1e-12)
    assert (found.arrays["rollout_deviation/profit"] > 0.05).all()


def test_pictures_hold_the_curves_and_the_stars(solver):
    conditional = MARKET_MAKER_STUDY.measure(
        trained("market_maker_preferences", solver.half_spread)
    ).arrays
    fixed = MARKET_MAKER_STUDY.measure(
        trained("market_maker_fixed", lambda d, weight: 3.0, "leader.theta.profit_weight=0.3")
    ).arrays
    figure = preference_figure([conditional, conditional], {0.3: [fixed]})
    spread = figure.axes[0]
    exact, line = spread.lines[:2]
    np.testing.assert_allclose(exact.get_ydata(), line.get_ydata(), atol=1e-6)
    star = spread.containers[0].lines[0]
    np.testing.assert_allclose(star.get_xydata(), [[0.3, 6.0]])
    curves = regret_figure([conditional], {0.3: [fixed]}).axes[0].lines
    assert len(curves[0].get_xdata()) == len(GRID)
    assert curves[1].get_ydata().max() > 1.0


@pytest.mark.parametrize(
    ("overrides", "entropy"),
    [
        ((), np.log(11)),
        (("leader.grid.profit_weight=[0, 0.25, 0.5, 0.75, 1]",), np.log(5)),
        (("leader={name: analytic}",), 0.0),
        (
            (
                "leader={name: analytic, distribution: discrete, probabilities: [0.25, 0.75], "
                "points: [{profit_weight: 0.1}, {profit_weight: 0.9}]}",
            ),
            -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)),
        ),
        (
            (
                "leader={name: analytic, distribution: sampler, sampler: 'my_prior:low'}",
                "objective={name: entropy}",
            ),
            None,
        ),
    ],
)
def test_preferences_from_a_grid_a_continuum_or_the_users_own_prior(
    overrides, entropy, tmp_path, monkeypatch
):
    (tmp_path / "my_prior.py").write_text(
        "def low(generator, number, names):\n    return generator.beta(1, 3, (number, 1))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    experiment = load_experiment("market_maker_preferences", overrides)
    search = experiment.leader.search(experiment.market.characteristics, 0)
    theta = search.propose(64)
    assert theta.shape == (64, 1) and ((theta >= 0) & (theta <= 1)).all()
    assert search.entropy() == (None if entropy is None else pytest.approx(entropy))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("leader.grid.profit_weight=[]", "lists no values for 'profit_weight'"),
        ("leader.grid.profit_weight=[0.5, 0.1]", "out of order.*Sort them"),
        ("leader.grid.profit_weight=[0.5, 1.5]", r"must lie in \[0, 1\], got 1.5"),
        ("leader={name: analytic, distribution: discrete, probabilities: [0.5, 0.6], points: "
         "[{profit_weight: 0.1}, {profit_weight: 0.9}]}", "sum to 1.1; they must sum to 1.*Divide"),
        ("market.valuation_deviation=0", "market.valuation_deviation: must be > 0"),
        ("market.price_deviation=-0.5", "market.price_deviation: must be > 0"),
        ("market.initial_price=stationery", "did you mean 'stationary'"),
    ],
)  # fmt: skip
def test_bad_preferences_are_refused_before_any_work(override, message):
    with pytest.raises(PacesetterError, match=message) as refused:
        load_experiment("market_maker_preferences", [override])
    assert "command line" in str(refused.value) or ".yaml:" in str(refused.value)


def test_matches_and_multiples_are_judged():
    ours = [{"a": 1.0, "b": 0.1}, {"a": 1.2, "b": 0.1}]
    theirs = [{"a": 1.0, "b": 0.9}, {"a": 1.4, "b": 1.1}]  # deviation 0.283 around 1.2

    def verdict(**claims):
        results = {"ours": ours, "theirs": theirs}
        return next(judge(Trial("x", "ours", **claims), results))

    assert verdict(matches=(Match("a", "theirs", deviations=0.4),)).passed
    assert not verdict(matches=(Match("a", "theirs", deviations=0.3),)).passed
    assert verdict(matches=(Match("a", "theirs", deviations=0.3, least=0.11),)).passed
    assert verdict(comparisons=(Comparison("b", "b", "theirs", times=9.9),)).passed
    missed = verdict(comparisons=(Comparison("b", "b", "theirs", times=10.1),))
    assert (missed.text, missed.passed) == ("10.1 × b < b of theirs", False)
