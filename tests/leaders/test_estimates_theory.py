"""Statistics that wait for an estimate of θ: what they become, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.path_reference import PlantedPaths
from pacesetter.leaders.objectives.statistic import Statistic
from pacesetter.leaders.objectives.statistics import Statistics
from pacesetter.training.evaluation.identify import identify
from pacesetter.training.experiments.load import load_experiment

SHARP = "pacesetter.envs.stock_market.statistics:sharp"


def of_paths(**options):
    statistics = (Statistic("demand", "cosine", (0.3,)), Statistic("price", "square", about=100.0))
    reference = PlantedPaths(number=200)
    return Statistics(reference, statistics, SHARP, reads=("price",), **options)


def test_statistics_about_an_estimate_are_those_of_that_option():
    market = make("stock_market")
    waiting = of_paths(estimates={"technical": "technical_sensitivity"}).measure(market, 50)
    given = of_paths(options={"technical": 0.4}).measure(market, 50).statistics
    first, about = waiting.statistics, waiting.statistics.about(np.array([1.0, 2.0, 0.4]))
    assert len(first.target.names) == 2 and about.target.names == given.target.names
    path = market.paths(np.ones((5, 3)), 0).quantities
    np.testing.assert_array_equal(about.of(path), given.of(path))
    np.testing.assert_array_equal(about.of(path)[:, :2], first.of(path))
    np.testing.assert_array_equal(about.target.mean, given.target.mean)
    gap = first.of(path) - first.target.mean
    exact = -np.einsum("ni,ij,nj->n", gap, first.target.weight, gap) / 2
    np.testing.assert_allclose(waiting.value(path), exact)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("leader.sharpened_after=null",), "waits for an estimate of θ that leader 'adversarial'"),
        (
            ('objective.function=""', "objective.estimates={}", "objective.reads=[]"),
            "those of the objective need none",
        ),
        (("objective.estimates={technical: technical}",), "did you mean 'technical_sensitivity'"),
        (("objective.statistics=[]",), "beside statistics that an estimate can come from"),
        (("leader.name=bayesian", "leader.sharpened_after=null"), "sharpened_after"),
    ],
)
def test_estimates_without_statistics_or_statistics_without_estimates_are_refused(overrides, said):
    with pytest.raises(PacesetterError) as error:
        load_experiment("stock_market_adversarial", ["objective.reference.number=200", *overrides])
    assert said in str(error.value)


def test_identify_counts_statistics_about_theta():
    few = ["objective.reference.number=300"]
    found = identify(load_experiment("stock_market_adversarial", few), {}, None, 6000)
    assert len(found.statistics) == 74
    plain = identify(load_experiment("stock_market_moments", few), {}, None, 6000)
    scale = np.sqrt(np.diag(found.covariance) / np.diag(plain.covariance))
    assert (scale[:2] < 0.9).all()  # .70, .64 at 80,000 paths
