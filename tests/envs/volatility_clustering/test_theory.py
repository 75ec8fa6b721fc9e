"""Volatility clustering against closed forms, its two implementations against each other."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
import torch
from scipy.special import gammaincinv
from scipy.stats import gamma, norm
from timing import least_processor_seconds

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.envs.volatility_clustering.moments import probability_of_trade
from pacesetter.envs.volatility_clustering.options import TRUTH
from pacesetter.envs.volatility_clustering.thresholds import gamma_quantiles

TRUE = np.array(list(TRUTH.values()))
ALPHA, BETA, SIGMA, ETA = np.exp(TRUE)


def market(**options):
    return make("volatility_clustering", **options)


def stepped(made, theta, seed=0):
    """Returns of the market itself, one copy per row of θ, ``(B, T)``; in the namespace of θ."""
    like = theta.detach() if isinstance(theta, torch.Tensor) else None
    numbers = theta if like is None else like.numpy()
    state = made.reset(seed, len(theta), numbers, like)
    if like is not None:
        state = dataclasses.replace(state, theta=theta)
    returns = []
    for _ in range(made.periods):
        step = made.step(state, {})
        state = step.state
        returns.append(step.quantities["return"])
    return np.stack(returns, axis=1) if like is None else torch.stack(returns, dim=1)


def common_shocks(made, paths, seed=0):
    """Shocks of the market's own streams, as `paths` takes them."""
    state = made.reset(seed, paths)
    news, stream = [], state.step_stream
    for _ in range(made.periods):
        drawn, stream = stream.draw(made._step_layout)
        news.append(drawn["news"])
    return {"news": np.stack(news, axis=1), "thresholds": state.probability}


def by_autograd(made, theta, weights, seed=0):
    """Gradient of a weighed sum of the returns of every copy, ``(B, 4)``."""
    leaf = torch.tensor(theta, requires_grad=True)
    (torch.as_tensor(weights) * stepped(made, leaf, seed)).sum().backward()
    return leaf.grad.numpy()


def mean_and_error(values):
    return values.mean(axis=0), values.std(axis=0, ddof=1) / len(values) ** 0.5


# Closed forms -------------------------------------------------------------------------------------


def test_returns_are_whole_numbers_of_traders():
    made = market(traders=50)
    theta = made.characteristics.draw(np.random.default_rng(0), 200)
    for returns in (made.simulate(theta, seed=1).returns, stepped(made, theta)):
        eta = np.exp(theta[:, 3:])
        orders = returns * 50 * eta
        np.testing.assert_allclose(orders, np.round(orders), atol=1e-9)
        assert (np.abs(returns) * eta <= 1 + 1e-12).all()
        assert np.abs(orders).max() > 40


def test_without_updates_many_traders_are_the_distribution_function_of_their_thresholds():
    made = market(traders=200_000, periods=20, share_updating=0.0)
    news = np.random.default_rng(0).standard_normal((1, 20))
    found = made.simulate([TRUE], shocks={"news": news}, tangents=False).returns
    expected = np.sign(news) * gamma.cdf(SIGMA * np.abs(news), ALPHA, scale=1 / BETA) / ETA
    np.testing.assert_allclose(found, expected, atol=5 * 0.5 / 200_000**0.5 / ETA)


@pytest.mark.parametrize("traders", [1, 7, 1000])
def test_second_moment_without_updates(traders):
    """Few traders have another one than many: the binomial part falls as 1/N."""
    made = market(traders=traders, periods=30, share_updating=0.0, prior_mean=tuple(TRUE))
    exact = made.benchmark()["second_moment/nobody_updating"]
    squares = made.simulate(np.tile(TRUE, (3000, 1)), tangents=False).returns ** 2
    # Thresholds last for the path: its periods are not independent, paths are.
    mean, error = mean_and_error(squares.mean(axis=1))
    assert abs(mean - exact) < 3 * error
    size = SIGMA * np.abs(norm.ppf((np.arange(100_000) + 0.5) / 100_000))
    share = gamma.cdf(size, ALPHA, scale=1 / BETA)
    rough = (share**2 + share * (1 - share) / traders).mean() / ETA**2
    assert exact == pytest.approx(rough, rel=1e-4)


def test_where_all_update_all_trade_or_nobody():
    made = market(traders=500, periods=400, share_updating=1.0, prior_mean=tuple(TRUE))
    for returns in (
        made.simulate(np.tile(TRUE, (200, 1)), tangents=False).returns,
        stepped(made, np.tile(TRUE, (20, 1))),
    ):
        traded = np.round(np.abs(returns[:, 1:]) * ETA, 9)
        assert set(np.unique(traded)) <= {0.0, 1.0}
        before, after = traded[:, :-1], traded[:, 1:]
        assert (after[before == 0] == 1).all()  # after a period without trade the threshold is 0
        p, number = probability_of_trade(SIGMA, ETA), int((before == 1).sum())
        assert abs(after[before == 1].mean() - p) < 3 * (p * (1 - p) / number) ** 0.5
        mean, error = mean_and_error(traded[:, 50:].mean(axis=1))
        assert abs(mean - 1 / (2 - p)) < 3 * error
        exact = made.benchmark()["second_moment/all_updating"]
        assert abs(mean / ETA**2 - exact) < 3 * error / ETA**2


@pytest.mark.parametrize("c", [-6.9, 1.3])
@pytest.mark.parametrize("s", [0.1, 1.0])
def test_scale(c, s):
    """Returns and tangents in other units, to rounding."""
    move = np.array([0.0, -c, c, -c])
    one = market(traders=300, share_updating=s)
    other = market(traders=300, share_updating=s, prior_mean=tuple(move))
    assert other.k == pytest.approx(one.k * np.exp(-c))
    theta = np.tile(TRUE, (4, 1))
    mine, theirs = one.simulate(theta, seed=3), other.simulate(theta + move, seed=3)
    np.testing.assert_allclose(theirs.returns, np.exp(c) * mine.returns, rtol=1e-12)
    np.testing.assert_allclose(
        theirs.tangents, np.exp(c) * mine.tangents, rtol=1e-6, atol=1e-9 * np.exp(c)
    )
    np.testing.assert_allclose(
        stepped(other, theta + move), np.exp(c) * stepped(one, theta), rtol=1e-12
    )


def test_quantiles_of_the_gamma_distribution_move_as_differences_say():
    probability = np.tile([1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9], (6, 1))
    shape = np.array([0.02, 0.3, 1.1, 8.0, 54.0, 190.0])
    slopes = gamma_quantiles(shape, probability)[1]
    step = 1e-5 * shape[:, None]
    up, down = (gammaincinv(shape[:, None] + sign * step, probability) for sign in (1, -1))
    np.testing.assert_allclose(slopes, (up - down) / (2 * step), rtol=1e-5)
    far = np.array([300.0])
    large = gamma_quantiles(far, probability[:1, 1:4])[1]
    up, down = (gammaincinv(far + sign * 1e-2, probability[:1, 1:4]) for sign in (1, -1))
    np.testing.assert_allclose(large, (up - down) / 2e-2, rtol=1e-4)
    assert gamma_quantiles(shape[:1], np.zeros((1, 1)))[1].item() == 0.0


# Two implementations ------------------------------------------------------------------------------


@pytest.mark.parametrize("thresholds", ["gamma", "lognormal"])
@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("s", [0.0, 1.0])
def test_both_implementations_are_one_where_nothing_is_drawn(s, relaxed, thresholds):
    """Under the same shocks: returns to rounding, tangents to autograd's."""
    made = market(traders=60, periods=25, share_updating=s, relaxed=relaxed, thresholds=thresholds)
    theta = made.characteristics.draw(np.random.default_rng(2), 6)
    found = made.simulate(theta, shocks=common_shocks(made, 6))
    np.testing.assert_allclose(found.returns, stepped(made, theta), rtol=1e-10, atol=1e-12)
    weights = np.random.default_rng(3).standard_normal((6, 25))
    expected = by_autograd(made, theta, weights)
    summed = np.einsum("jt,jtd->jd", weights, found.tangents)
    # Where a return is zero but for rounding, so is the sign that its threshold's slope has.
    np.testing.assert_allclose(summed, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


def test_both_implementations_have_the_same_law():
    """Moments over 1,200 paths within 3 standard errors, and those of the paper's setting."""
    made = market()
    lumped = made.simulate(np.tile(TRUE, (1200, 1)), seed=11, tangents=False).returns
    traders = np.concatenate(
        [stepped(made, np.tile(TRUE, (200, 1)), seed=1000 * part) for part in range(6)]
    )

    def moments(returns):
        size = np.abs(returns)
        centred = size - size.mean()
        return np.stack(
            [
                (returns**2).mean(axis=1),
                size.mean(axis=1),
                (returns**4).mean(axis=1),
                returns[:, 0] ** 2,
                returns[:, -1] ** 2,
                (centred[:, 1:] * centred[:, :-1]).mean(axis=1),
                (size == 0).mean(axis=1),
            ],
            axis=1,
        )

    (mine, error), (theirs, other) = map(mean_and_error, map(moments, (lumped, traders)))
    assert (np.abs(mine - theirs) < 3 * np.hypot(error, other)).all(), (mine, theirs)
    assert traders.std() == pytest.approx(0.66, abs=0.01)
    assert np.abs(traders).mean() == pytest.approx(0.591, abs=0.01)


def test_tangents_of_the_second_moment_are_those_of_autograd():
    made = market()
    theta = np.tile(TRUE, (400, 1))
    paths = made.simulate(theta, seed=12)
    lumped = (2 * paths.returns[:, :, None] * paths.tangents).mean(axis=1)
    leaf = torch.tensor(theta[:150], requires_grad=True)
    (stepped(made, leaf) ** 2).mean(dim=1).sum().backward()
    (mine, error), (theirs, other) = map(mean_and_error, (lumped, leaf.grad.numpy()))
    assert (np.abs(mine - theirs) < 3 * np.hypot(error, other)).all(), (mine, theirs)
    np.testing.assert_allclose(mine, [-0.0161, 0.0170, 0.185, -0.718], rtol=0.05)


def test_straight_through_points_where_differences_do():
    """Central differences of the hard market, E r² at θ*, under common shocks."""
    made = market(periods=50)
    theta, step = np.tile(TRUE, (1000, 1)), 0.1
    shocks = {"thresholds": np.random.default_rng(4).random((1000, 1000))}
    shocks["news"] = np.random.default_rng(5).standard_normal((1000, 50))

    def second_moments(move):
        return (made.simulate(theta + move, 6, shocks, tangents=False).returns ** 2).mean(axis=1)

    paths = made.simulate(theta, 6, shocks)
    gradient, error = mean_and_error((2 * paths.returns[:, :, None] * paths.tangents).mean(axis=1))
    for column, move in enumerate(step * np.eye(4)):
        rise = (second_moments(move) - second_moments(-move)) / (2 * step)
        mean, noise = mean_and_error(rise)
        room = 3 * np.hypot(noise, error[column]) + 0.1 * abs(mean)  # the slope is an approximation
        assert abs(gradient[column] - mean) < room


@pytest.mark.parametrize("thresholds", ["gamma", "lognormal"])
def test_relaxed_tangents_are_differences(thresholds):
    made = market(traders=200, relaxed=True, thresholds=thresholds)
    assert market(traders=200, thresholds=thresholds).smooth() == made
    theta = 0.3 * made.characteristics.draw(np.random.default_rng(7), 5)
    shocks = common_shocks(made, 5)
    tangents = made.simulate(theta, 1, shocks).tangents
    for column, move in enumerate(1e-5 * np.eye(4)):
        up, down = (made.simulate(theta + s * move, 1, shocks, False).returns for s in (1, -1))
        rise = (up - down) / 2e-5
        np.testing.assert_allclose(
            tangents[:, :, column], rise, rtol=1e-4, atol=1e-4 * np.abs(rise).max()
        )


def test_a_relaxed_market_has_the_gradient_of_differences():
    made = market(traders=50, periods=12, relaxed=True)
    theta = 0.3 * made.characteristics.draw(np.random.default_rng(8), 4)
    weights = np.random.default_rng(9).standard_normal((4, 12))
    found = by_autograd(made, theta, weights)
    for column, move in enumerate(1e-5 * np.eye(4)):
        up, down = ((weights * stepped(made, theta + s * move)).sum(axis=1) for s in (1, -1))
        np.testing.assert_allclose(found[:, column], (up - down) / 2e-5, rtol=1e-4, atol=1e-7)


def test_private_news_average_out():
    """Orders cancel: with news of their own, N traders move the price by 1/√N of their trade."""
    made = market(traders=400, share_updating=0.0, signal="private", thresholds="lognormal")
    returns = stepped(made, np.tile(TRUE, (200, 1)))
    normal = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    share = 2 * norm.sf(ALPHA * np.exp(BETA * normal) / SIGMA).mean()
    mean, error = mean_and_error((returns**2).mean(axis=1))
    assert abs(mean - share / 400 / ETA**2) < 3 * error


def test_clustering_appears_where_news_are_small_beside_what_a_trade_moves():
    """The regime of daily index returns, σ ≪ 1/η, and the absence of clustering at θ*."""
    theta = [np.log(0.001), np.log(1 / 0.1), np.log(0.02 / 0.98)]
    names = ("log_sigma", "log_eta", "logit_s")
    made = market(leader_sets=names, periods=4000, prior_mean=(0.0, 2.3, -6.9, 2.3))
    calm = made.simulate(np.tile(theta, (10, 1)), tangents=False).returns[:, 1000:]
    wild = market().simulate(np.tile(TRUE, (300, 1)), tangents=False).returns

    def lag_one(returns):
        size = np.abs(returns) - np.abs(returns).mean(axis=1, keepdims=True)
        return ((size[:, 1:] * size[:, :-1]).mean(axis=1) / (size**2).mean(axis=1)).mean()

    assert lag_one(calm) > 0.1
    assert -0.08 < lag_one(wild) < 0.0


# Who learns ---------------------------------------------------------------------------------------


def test_a_learning_trader_moves_the_price_as_any_other_and_is_paid_for_what_it_holds():
    """One unit bought and held earns the way of the price since, in largest moves."""
    made, alone = market(traders=30, learning_traders=2), market(traders=30)
    theta = np.tile(TRUE, (5, 1))
    state, other = made.reset(4, 5, theta), alone.reset(4, 5, theta)
    bought = {"trader": np.array([[[1.0], [-0.5]]] * 5)}
    step, quiet = made.step(state, bought), alone.step(other, {})
    orders = step.quantities["return"] * 32 * ETA
    np.testing.assert_allclose(orders, quiet.quantities["return"] * 30 * ETA + 0.5, atol=1e-9)
    np.testing.assert_allclose(orders, step.quantities["excess_demand"], atol=1e-9)
    assert (step.rewards["trader"] == 0.0).all()
    first, paid = np.log(step.quantities["price"]), 0.0
    for _ in range(12):
        step = made.step(step.state, {"trader": np.zeros((5, 2, 1))})
        paid = paid + step.rewards["trader"]
    moved = ETA * (np.log(step.quantities["price"]) - first)
    np.testing.assert_allclose(paid, moved[:, None] * [1.0, -0.5], atol=1e-12)


def test_a_learning_trader_sees_price_averages_holding_and_theta():
    made = market(traders=30, learning_traders=2, periods=50)
    state = made.reset(5, 3, np.tile(TRUE, (3, 1)))
    logs = [np.zeros(3)]
    for _ in range(6):
        step = made.step(state, {"trader": np.full((3, 2, 1), 0.25)})
        state = step.state
        logs.append(np.log(step.quantities["price"]))
    seen = made.observe(state)["trader"]
    assert seen.shape == (3, 2, 8) and seen.dtype == np.float32
    np.testing.assert_allclose(seen[:, 1, 0], ETA * logs[-1], rtol=1e-5)
    for column, memory in ((1, 5.0), (2, 20.0)):
        mean = sum((1 - 1 / memory) ** back * one / memory for back, one in enumerate(logs[::-1]))
        np.testing.assert_allclose(seen[:, 0, column], ETA * mean, rtol=1e-5)
    np.testing.assert_allclose(seen[:, :, 3], 6 * 0.25 / 50)
    np.testing.assert_allclose(seen[0, 0, 4:], TRUE / 4, rtol=1e-5)
    assert made.paths(np.tile(TRUE, (3, 1)), 0) is None and made.benchmark() == {}
    assert len(made.planted_sample(TRUE, 60, 0, "return")) == 60


# Memory and time ----------------------------------------------------------------------------------


def test_a_million_traders_fit_anywhere():
    made = market(traders=10**6, periods=1000)
    market().simulate([TRUE])  # compile
    assert least_processor_seconds(lambda: made.simulate([TRUE]), 1.0) < 1.0
    tracemalloc.start()
    paths = made.simulate([TRUE])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5e6
    assert np.isfinite(paths.tangents).all()


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steepness": 0.0}, "steepness must be > 0"),
        ({"share_updating": 1.5}, "share_updating must be"),
        ({"prior_deviation": (1.0, 0.0, 1.0, 1.0)}, r"prior_deviation\[1\] must be > 0"),
        ({"signal": "secret"}, "unknown signal 'secret'"),
        ({"leader_sets": ("log_sigm",)}, "did you mean 'log_sigma'"),
        ({"leader_sets": ("log_eta", "log_eta")}, "names a characteristic twice"),
        ({"leader_sets": ("logit_s",), "share_updating": 0.0}, "must lie between 0 and 1"),
        ({"periods": 1}, "periods must be"),
    ],
)
def test_options_that_make_no_market_are_refused(options, said):
    with pytest.raises(PacesetterError, match=said):
        market(**options)


def test_paths_that_cannot_be_walked_are_refused():
    with pytest.raises(PacesetterError, match=r"\(J, 4\), one row of log_alpha"):
        market().simulate(TRUE)
    with pytest.raises(PacesetterError, match="Set learning_traders: 0"):
        market(learning_traders=1).simulate([TRUE])
    with pytest.raises(PacesetterError, match="Choose signal: common"):
        market(signal="private").simulate([TRUE])
    with pytest.raises(PacesetterError, match="no derivative by 'logit_s'"):
        market(leader_sets=("log_eta", "logit_s")).simulate([[0.0, 0.0]])
    with pytest.raises(
        PacesetterError, match="paths take shocks news and thresholds, got 'updates"
    ):
        market().simulate([TRUE], shocks={"updates": np.zeros((1, 100))})
    with pytest.raises(PacesetterError, match=r"'news' of paths must have shape \(1, 100\)"):
        market().simulate([TRUE], shocks={"news": np.zeros((1, 99))})


def test_theta_beyond_all_numbers_is_lost_and_counted():
    far = 21.0 * np.eye(4)
    theta = np.array([TRUE, TRUE + far[2], TRUE - far[3], TRUE * np.nan])
    paths = market(traders=20).simulate(theta)
    assert paths.lost == 3
    np.testing.assert_array_equal(
        np.isfinite(paths.tangents).all(axis=(1, 2)), [True, *[False] * 3]
    )
    assert not market(leader_sets=("logit_s",)).differentiable
    assert market().differentiable
