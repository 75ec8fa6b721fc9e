"""The maximum mean discrepancy against closed forms and slow versions, and real prices."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.objectives import discrepancy
from pacesetter.leaders.objectives.discrepancy import (
    MOST,
    Discrepancy,
    MeanDiscrepancy,
    check_series,
    points_of,
    scales_of,
)
from pacesetter.leaders.objectives.real_data import Index, Prices
from pacesetter.leaders.objectives.references import (
    CsvFile,
    Held,
    Moments,
    Planted,
    UnfitReferenceError,
)

MARKET = make("volatility_clustering", traders=20, periods=50)


def returns(number=200, seed=0):
    return np.random.default_rng(seed).normal(0, 0.01, number)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (1.0, 2.0), (0.5, 0.4)])
def test_two_normal_distributions(a, b):
    """Gaussian integrals, for T = 5,000 and the scale that each sample of observations has."""
    generator = np.random.default_rng(1)
    errors = []
    for _ in range(20):
        distance = Discrepancy(generator.normal(0, a, 5000))
        assert distance.compared == MOST
        (m,) = distance.scales
        assert m == pytest.approx(2 * 0.4549 * a**2, rel=0.1)  # median of χ² with one degree
        exact = (
            (1 + 4 * a**2 / m) ** -0.5
            + (1 + 4 * b**2 / m) ** -0.5
            - 2 * (1 + 2 * (a**2 + b**2) / m) ** -0.5
        )
        errors.append(distance(generator.normal(0, b, (1, 5000)))[0] - exact)
    error = np.std(errors, ddof=1) / len(errors) ** 0.5
    assert abs(np.mean(errors)) < 3 * error
    assert error < 3e-3


@pytest.mark.parametrize("lagged", [False, True])
def test_by_pairs(lagged):
    generator = np.random.default_rng(2)
    observed, drawn = generator.normal(size=40), generator.standard_t(3, size=(2, 35))
    (y,), xs = (points_of(np.atleast_2d(v), lagged) for v in (observed, drawn))
    scales = scales_of(y)
    squares = [(p - q) ** 2 for i, p in enumerate(y) for q in y[:i]]
    np.testing.assert_allclose(scales, np.median(squares, axis=0))

    def mean(first, second, same):
        pairs = [
            np.exp(-((p - q) ** 2 / scales).sum())
            for i, p in enumerate(first)
            for j, q in enumerate(second)
            if not (same and i == j)
        ]
        return np.mean(pairs)

    expected = [mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False) for x in xs]
    np.testing.assert_allclose(Discrepancy(observed, lagged)(drawn), expected, rtol=1e-12)


def test_lagged_points_are_what_came_before():
    series = np.random.default_rng(3).normal(size=30)
    points = points_of(series[None], True)[0]
    assert points.shape == (10, 3)
    for at, (now, five, twenty) in enumerate(points, start=20):
        assert now == series[at]
        assert five == pytest.approx(np.abs(series[at - 5 : at]).mean())
        assert twenty == pytest.approx(np.abs(series[at - 20 : at]).mean())


@pytest.mark.parametrize("lagged", [False, True])
@pytest.mark.parametrize("number", [60, 350])
def test_gradients_are_those_of_autograd(number, lagged, monkeypatch):
    """Of all of a series, and of that part of a longer one that is compared."""
    monkeypatch.setattr(discrepancy, "MOST", 200)
    generator = np.random.default_rng(4)
    distance = Discrepancy(generator.normal(size=number), lagged)
    drawn = generator.standard_t(4, size=(2, number))
    values, slopes = distance.value_and_gradient(drawn)
    leaf = torch.tensor(drawn, requires_grad=True)
    found = distance(leaf)
    (gradient,) = torch.autograd.grad(found.sum(), leaf)
    np.testing.assert_allclose(values, distance(drawn), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(found.detach().numpy(), distance(drawn), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(
        slopes, gradient.numpy(), rtol=1e-6, atol=1e-6 * np.abs(slopes).max()
    )
    direction = generator.standard_normal(drawn.shape)
    up, down = (distance(drawn + s * 1e-6 * direction) for s in (1, -1))
    np.testing.assert_allclose(
        (slopes * direction).sum(axis=1), (up - down) / 2e-6, rtol=1e-4, atol=1e-8
    )


def test_only_what_is_lagged_sees_clusters():
    """A series and its shuffle are one bag of numbers."""
    generator = np.random.default_rng(5)
    size = np.repeat(np.exp(generator.normal(size=40)), 25)
    clustered = size * generator.normal(size=1000)
    shuffled = np.stack([generator.permutation(clustered) for _ in range(8)])
    again = np.stack(
        [size[25 * k :].tolist() + size[: 25 * k].tolist() for k in range(8)]
    ) * generator.normal(size=(8, 1000))
    bag, lagged = (Discrepancy(clustered, flag) for flag in (False, True))
    assert abs(bag(shuffled).mean() - bag(again).mean()) < 0.003
    assert lagged(shuffled).mean() > 5 * abs(lagged(again).mean())


def test_the_objective_prefers_the_theta_that_made_the_series():
    market = make("volatility_clustering", traders=200, periods=60)
    truth = {"log_alpha": 0.1, "log_beta": 0.5, "log_sigma": 0.5, "log_eta": 0.2}
    for lagged in (False, True):
        objective = MeanDiscrepancy(Planted(truth, number=60), lagged=lagged)
        held = objective.holding(objective.samples(market))
        assert isinstance(held.reference, Held)
        measure = held.measure(market, 60)
        theta = np.array([list(truth.values()), [0.1, 0.5, 0.5, 0.9], [0.1, 0.5, -1.0, 0.2]])
        drawn = market.simulate(np.repeat(theta, 50, axis=0), tangents=False).returns
        worth = measure.value({"return": drawn}).reshape(3, 50).mean(axis=1)
        assert worth.argmax() == 0 and worth[0] > worth[1:].max() + 0.02
        assert (measure.value({"return": drawn[:, :1]}) == 0.0).all()


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "said"),
    [
        (returns(19), r"has 19 observation\(s\); a discrepancy needs at least 20"),
        (np.array([*returns(30), np.nan, 0.1]), "observation 31 of 32 is nan .* remove it"),
        (np.full(50, 0.25), "is constant, 0.25 from the first to the last of 50"),
        (
            np.array([0.1, *[0.0] * 90, *returns(9)]),
            "90 of 100 observations are 0, .* observation 2",
        ),
        (100 * np.exp(np.cumsum(returns())), r"these are prices. .*numpy.diff\(numpy.log\(prices"),
    ],
)
def test_series_that_have_no_discrepancy_are_refused(series, said):
    with pytest.raises(UnfitReferenceError, match=said):
        MeanDiscrepancy(Held({"return": series})).measure(MARKET, 50)


def test_lagged_series_are_refused_where_they_have_too_little_past():
    held = Held({"return": returns(30)})
    with pytest.raises(UnfitReferenceError, match="needs at least 40, of which the first 20"):
        MeanDiscrepancy(held, lagged=True).measure(MARKET, 50)
    held = Held({"return": returns(60)})
    with pytest.raises(PacesetterError, match="intervals of at least 22 steps, got 10"):
        MeanDiscrepancy(held, lagged=True).measure(MARKET, 10)
    alike = 0.01 * np.sign(returns(60))
    check_series(alike, "return")
    with pytest.raises(UnfitReferenceError, match="most distances of mean sizes are 0"):
        check_series(alike, "return", lagged=True)
    check_series(np.exp(returns(60)), "price")  # prices of a price are none of returns


def test_what_is_no_series_is_refused():
    with pytest.raises(UnfitReferenceError, match="nothing comes before anything else"):
        MeanDiscrepancy(Moments(0.0, 1.0), lagged=True).measure(MARKET, 50)
    cobweb = make("cobweb", periods=5)
    measure = MeanDiscrepancy(Moments(0.0, 1.0), "forecast").measure(cobweb, 5)
    with pytest.raises(PacesetterError, match="has 'forecast' of every agent"):
        measure.value({"forecast": np.zeros((2, 5, 6))})


def test_files_of_prices_are_read_as_returns(tmp_path):
    prices = 100 * np.exp(np.cumsum(returns(100)))
    path = tmp_path / "prices.csv"
    path.write_text("price\n" + "\n".join(f"{price:.17g}" for price in prices))
    found = Prices(str(path)).sample(MARKET, "return")
    np.testing.assert_allclose(found, np.diff(np.log(prices)), rtol=1e-9)
    with pytest.raises(UnfitReferenceError, match="name: prices"):
        MeanDiscrepancy(CsvFile(str(path), "price")).measure(MARKET, 50)
    path.write_text("price\n1\n-2\n3")
    with pytest.raises(PacesetterError, match="price 2 of 3 is -2; a return needs positive"):
        Prices(str(path)).sample(MARKET, "return")
    path.write_text("price\n1\n2\n")
    with pytest.raises(PacesetterError, match=r"has 2 price\(s\)"):
        Prices(str(path)).sample(MARKET, "return")


def test_index_returns_come_from_the_extra(monkeypatch):
    for name in ("arch", "arch.data", "arch.data.nasdaq"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    closing = {"Adj Close": [1.0, np.e, 1.0]}
    monkeypatch.setattr(sys.modules["arch.data.nasdaq"], "load", lambda: closing, raising=False)
    np.testing.assert_allclose(Index("nasdaq").sample(MARKET, "return"), [1.0, -1.0])
    monkeypatch.setitem(sys.modules, "arch.data.sp500", None)
    with pytest.raises(PacesetterError, match=r"pip install 'pacesetter\[data\]'"):
        Index().sample(MARKET, "return")
