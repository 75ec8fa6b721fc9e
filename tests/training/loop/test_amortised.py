"""Amortised posteriors: those of the textbook, calibrated, and no file that is unpickled."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_markets import LeastSquares, NoisyLine, RuleBased

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.leaders.gradient.amortised import Amortised
from pacesetter.leaders.gradient.recipes import NormalPrior
from pacesetter.leaders.gradient.summaries import autocorrelation, series_statistics
from pacesetter.leaders.gradient.trust import coverage
from pacesetter.leaders.gradient.variational import VariationalLeader
from pacesetter.leaders.objectives.references import Planted
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.settings import TrainingSettings
from pacesetter.training.loop.amortised import amortise, given
from pacesetter.training.loop.inference import trials

MARKET = NoisyLine(periods=10)
LINE = Experiment(
    name="line",
    market=MARKET,
    objective=LeastSquares(Planted({"level": 1.0, "slope": -0.5}, number=10)),
    leader=VariationalLeader(),
    training=TrainingSettings(iterations=1),
)


def estimates(prices):
    """Least squares: all that prices say of the line."""
    design = np.stack([np.ones(MARKET.periods), MARKET.place], axis=1)
    return prices @ np.linalg.pinv(design).T


@pytest.fixture(scope="module")
def learned():
    return amortise(LINE, 4000, estimates)


def test_the_posterior_is_that_of_the_textbook(learned):
    prices = LINE.bound().samples["price"]
    mean, covariance = MARKET.exact(prices)
    deviation = np.sqrt(np.diag(covariance))
    posterior = given(learned, LINE.bound().samples, estimates)
    draws = posterior.sample(20_000, seed=0)
    np.testing.assert_allclose(posterior.mean(), mean, atol=0.12 * deviation.max())
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.1)
    apart = draws[:2000] - mean
    exact = -0.5 * np.einsum("ni,ij,nj->n", apart, np.linalg.inv(covariance), apart)
    exact -= np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(covariance)[1]
    assert np.mean(posterior.log_prob(draws[:2000]) - exact) == pytest.approx(0.0, abs=0.05)
    np.testing.assert_array_equal(posterior.sample(5, 1), posterior.sample(5, 1))


def test_it_covers_as_it_says(learned):
    found = trials(LINE, 300, lambda e: given(learned, e.samples, estimates))
    for level in (0.5, 0.8, 0.95):
        share, error = coverage(found.truths, found.draws, level)
        assert (np.abs(share - level) < 3.5 * error).all()
    assert found.density.mean() > found.prior_density.mean() + 1.0
    assert found.figures()["log_density"] == found.density.mean()


def test_it_is_kept_in_parts(learned):
    again = Amortised.from_parts(learned.tensors(), json.loads(json.dumps(learned.record())))
    seen = np.array([0.3, -0.2])
    np.testing.assert_array_equal(again.sample(seen, 9, 0), learned.sample(seen, 9, 0))
    with pytest.raises(PacesetterError, match="do not fit"):
        Amortised.from_parts({}, learned.record())


def test_too_few_simulations_are_refused():
    with pytest.raises(PacesetterError, match="50 of 50 simulations"):
        amortise(LINE, 50, estimates)
    with pytest.raises(PacesetterError, match="0 of 500 simulations"):
        amortise(LINE, 500, lambda prices: np.full((len(prices), 2), np.nan))


def test_fixed_characteristics_stay_where_they_are():
    generator = np.random.default_rng(0)
    theta = generator.standard_normal((500, 3)) * [1.0, 0.0, 2.0] + [0.0, 5.0, 0.0]
    prior = np.array([0.0, 5.0, 0.0]), np.array([1.0, 0.0, 2.0])
    learned = Amortised.fit(("a", "b", "c"), prior, theta, theta[:, [0, 2]], seed=0, epochs=2)
    assert (learned.sample(np.zeros(2), 10, 0)[:, 1] == 5.0).all()
    assert learned.log_prob(theta[:5], theta[:5, [0, 2]]).shape == (5,)


def test_statistics_of_a_series():
    series = np.random.default_rng(0).standard_normal((3, 40))
    series[0, 5:9] = 0.0
    found = series_statistics(series)
    assert found.shape == (3, 23)
    np.testing.assert_allclose(found[:, 22], np.abs(series).max(axis=1))
    np.testing.assert_allclose(found[:, 20], [0.1, 0.0, 0.0])
    apart = series[1] - series[1].mean()
    expected = (apart[2:] * apart[:-2]).sum() / (apart**2).sum()
    assert autocorrelation(series, 2)[1] == pytest.approx(expected)
    assert np.isfinite(series_statistics(np.zeros((2, 5)))).all()


def test_a_market_of_rules_is_learned_from_its_statistics():
    """The noise of prices shows in their spread; both have a prior of their own."""
    prior = NormalPrior(mean={"noise": 1.0}, deviation={"noise": 0.15})
    rules = Experiment(
        name="rules",
        market=RuleBased(periods=50),
        objective=LeastSquares(Planted({})),
        leader=VariationalLeader(prior=prior),
        training=TrainingSettings(iterations=1),
        samples={"price": np.random.default_rng(0).normal(0.0, 1.2, 50)},
    )
    learned = amortise(rules, 2000)
    draws = given(learned, rules.samples).sample(4000, seed=0)
    assert draws[:, 1].std() < 0.8 * 0.15
    assert draws[:, 1].mean() > 1.0
