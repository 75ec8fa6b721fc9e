"""Requests for quote against quadrature, Monte Carlo and the equilibrium of the auction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.otc_rfq.auction import Auction
from pacesetter.envs.otc_rfq.power import distribution, quantile
from pacesetter.envs.otc_rfq.quotes import Quotes
from pacesetter.envs.registry import make


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.6, 4.0))
def test_the_quantile_inverts_the_distribution(u, alpha):
    x = quantile(np.array([u]), np.array([0.3]), np.array([0.7]), np.array([alpha]))
    assert distribution(x, 0.3, 0.7, alpha)[0] == pytest.approx(u, abs=1e-9)


def test_tensors_have_the_same_quantiles_and_slopes_by_every_parameter():
    generator = np.random.default_rng(10)
    u = generator.random((40, 3))
    columns = [generator.uniform(*range_, (40, 1)) for range_ in ((-1, 3), (0.1, 2), (0.6, 4))]
    exact = quantile(u, *columns)
    tensors = [torch.tensor(column, requires_grad=True) for column in columns]
    found = quantile(torch.tensor(u), *tensors)
    np.testing.assert_allclose(found.detach().numpy(), exact, atol=1e-8)
    found.sum().backward()
    for k, tensor in enumerate(tensors):
        ends = [[column + (j == k) * h for j, column in enumerate(columns)] for h in (1e-5, -1e-5)]
        slope = (quantile(u, *ends[0]) - quantile(u, *ends[1])) / 2e-5
        np.testing.assert_allclose(tensor.grad, slope.sum(axis=1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize(
    ("law", "dealers", "acceptance", "gap", "deviation", "price", "surplus"),
    [
        ((1.0, 0.6, 1.2), 2, 0.4621, 0.8230, 0.6867, 0.3127, 0.4612),
        ((1.0, 0.6, 1.2), 5, 0.6134, 0.5358, 0.4979, -0.0359, 0.6989),
        ((1.0, 0.6, 1.2), 9, 0.7022, 0.5034, 0.4782, -0.2697, 0.8824),
        ((1.0, 0.6, 4.0), 3, 0.4732, 0.4251, 0.3273, 0.4797, 0.4193),
    ],
)
def test_random_quotes(law, dealers, acceptance, gap, deviation, price, surplus):
    figures = Quotes(*law, dealers=dealers).figures()
    expected = (acceptance, gap, deviation, price, surplus)
    names = ("acceptance", "mean_gap", "gap_deviation", "mean_traded_price", "client_surplus")
    assert tuple(figures[name] for name in names) == pytest.approx(expected, abs=4e-4)


def test_what_acceptances_and_gaps_tell():
    errors = Quotes(1.0, 0.6, 1.2).standard_errors(10_000)
    np.testing.assert_allclose(errors, (0.0154, 0.0130, 0.0341), rtol=0.02)


@pytest.mark.parametrize("asked", [2, 3, 5, 9])
def test_the_auction_without_a_client_who_walks_away_is_the_textbooks(asked):
    """Everybody's value is far above: c + (1 − c) / n, at a mean price of 2 / (n + 1)."""
    game = Auction(asked, client=(1e3, 1.0, 1.5))
    c, beta = game.equilibrium
    np.testing.assert_allclose(beta[:-1], (c + (1 - c) / asked)[:-1], atol=2e-3)
    assert game.figures()["mean_traded_price"] == pytest.approx(2 / (asked + 1), abs=1e-3)


@pytest.mark.parametrize(
    ("asked", "quotes", "acceptance", "profit", "surplus"),
    [
        (1, (0.8398, 0.9316, 1.0521, 1.2206), 0.4412, 0.2712, 0.1897),
        (3, (0.3081, 0.4801, 0.6542, 0.8290), 0.8305, 0.0651, 0.5779),
        (9, (0.1088, 0.3312, 0.5540, 0.7771), 0.9243, 0.0101, 0.8255),
    ],
)
def test_the_auction_with_a_random_reserve(asked, quotes, acceptance, profit, surplus):
    game = Auction(asked)
    np.testing.assert_allclose(game.quote(np.array([0, 0.25, 0.5, 0.75])), quotes, atol=1e-4)
    figures = game.figures()
    found = (figures["acceptance"], figures["profit"], figures["client_surplus"])
    assert found == pytest.approx((acceptance, profit, surplus), abs=1e-4)


@pytest.mark.parametrize("costs", ["uniform", "power"])
def test_no_other_quote_earns_more(costs):
    game = Auction(4, costs=costs)
    c, beta = game.equilibrium
    for place in (0, 500, 1200, 1900):
        tried = np.linspace(c[place], beta[-1], 4001)
        best = game.profit(c[place], tried).max()
        assert best - game.profit(c[place], beta[place]) < 1e-6


def play(market, theta, copies, markup=None):
    """Means of path quantities over an episode of many copies."""
    state = market.reset(10, copies, theta)
    sums = {}
    for _ in range(market.steps_per_episode):
        actions = {} if markup is None else {"dealer": markup(market._cost(state))[:, :, None]}
        step = market.step(state, actions)
        state = step.state
        for name, value in step.quantities.items():
            sums[name] = sums.get(name, 0.0) + value.mean() / market.steps_per_episode
    return sums


def test_the_market_of_random_quotes_is_the_computed_one():
    market = make("otc_rfq", requests=50)
    means, exact = play(market, [1.0, 0.6, 1.2], 4000), market.benchmark()
    pairs = {"accepted": "acceptance", "gap": "mean_gap", "best_offer": "mean_best_offer"}
    for name, computed in (pairs | {"client_surplus": "client_surplus"}).items():
        assert means[name] == pytest.approx(exact[computed], abs=0.006)
    assert means["gap_square"] - means["gap"] ** 2 == pytest.approx(0.4979**2, abs=0.01)


def test_the_market_of_dealers_in_equilibrium_is_the_computed_one():
    market = make("otc_rfq", dealers_are="learning", dealers=9, requests=20)
    theta = [5.0, 1.0, 0.5]
    game = market.auction(theta)
    means = play(market, theta, 4000, lambda cost: game.quote(cost) - cost)
    exact = game.figures()
    assert means["accepted"] == pytest.approx(exact["acceptance"], abs=0.005)
    assert means["gap"] == pytest.approx(exact["mean_gap"], abs=0.003)
    assert means["client_surplus"] == pytest.approx(exact["client_surplus"], abs=0.005)
    # Five of nine are asked, so that a dealer trades in five ninths of the requests of one asked.
    assert means["profit"] * 9 / 5 == pytest.approx(exact["profit"], abs=5e-4)


def test_as_many_are_asked_as_the_leader_says():
    market = make("otc_rfq", dealers_are="learning", dealers=4)
    for asked, number in ((1.0, 1), (1.49, 1), (2.5, 3), (4.0, 4)):
        state = market.reset(10, 50, [asked, 1.0, 0.5])
        np.testing.assert_array_equal(market._asked(state).sum(axis=1), number)
        assert market.auction([asked, 1.0, 0.5]).asked == number


def test_a_client_who_is_given_is_that_of_theta():
    whole = make("otc_rfq", dealers_are="learning", dealers=4)
    alone = make("otc_rfq", dealers_are="learning", dealers=4, design="asked", client=(0.6, 0.8))
    quotes = {"dealer": np.full((40, 4, 1), 0.3, dtype=np.float32)}
    steps = [
        market.step(market.reset(10, 40, theta), quotes)
        for market, theta in ((whole, [2.0, 0.6, 0.8]), (alone, [2.0]))
    ]
    for name, value in steps[0].quantities.items():
        np.testing.assert_array_equal(value, steps[1].quantities[name])
    assert alone.auction([2.0]) == whole.auction([2.0, 0.6, 0.8])


def test_a_reward_by_the_number_asked_is_the_profit_times_it():
    options = {"dealers_are": "learning", "dealers": 5, "design": "asked"}
    quotes = {"dealer": np.full((40, 5, 1), 0.2, dtype=np.float32)}
    paid = {}
    for kind in ("profit", "profit_by_number"):
        market = make("otc_rfq", paid=kind, **options)
        step = market.step(market.reset(10, 40, [4.0]), quotes)
        paid[kind] = step.rewards["dealer"]
        assert step.quantities["profit"].sum() > 0
    np.testing.assert_allclose(paid["profit_by_number"], 4.0 * paid["profit"])


@pytest.mark.parametrize("design", ["asked", "asked_and_client"])
def test_pay_in_the_mean_over_the_client_is_the_mean_of_what_is_earned(design):
    paid, quantities = {}, {}
    for how in ("realised", "expected"):
        market = make("otc_rfq", dealers_are="learning", dealers=5, design=design, request_pnl=how)
        quotes = {"dealer": np.full((20_000, 5, 1), 0.2, dtype=np.float32)}
        theta = [3.0, 0.8, 0.6][: len(market.characteristics)]
        step = market.step(market.reset(10, 20_000, theta), quotes)
        paid[how], quantities[how] = step.rewards["dealer"], step.quantities
    gap = (paid["expected"] - paid["realised"]).sum(axis=1)
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(len(gap))
    assert paid["expected"].std() < paid["realised"].std()
    for name, values in quantities["realised"].items():
        np.testing.assert_array_equal(quantities["expected"][name], values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dealers": 1}, "second offer"),
        ({"dealers_are": "learnin"}, "learning"),
        ({"client": (1.0, 0.0)}, "the second above 0"),
        ({"paid": "profits"}, "profit_by_number"),
        ({"asking_cost": -0.1}, "asking_cost"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("otc_rfq", **options)
