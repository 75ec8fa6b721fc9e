"""What markets say of a best deviation, held to equilibria in which there is none."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.cobweb.equilibrium import LogitEquilibrium
from pacesetter.envs.core.deviations.best_response import priced
from pacesetter.envs.labour_tax.equilibrium import equilibrium_hours
from pacesetter.envs.market_entry.equilibrium import symmetric_entry
from pacesetter.envs.registry import make


class Rules:
    """Followers with a rule: what they do in a state, the same in every draw, or by chance."""

    def __init__(self, group, actions=None, chances=None, seed=0):
        self.group, self.actions, self.chances = group, actions, chances
        self.generator = np.random.default_rng(seed)

    def draws(self, state, number):
        if self.actions is not None:
            return {self.group: np.repeat(self.actions[None], number, axis=0)}
        cumulative = self.chances.cumsum(axis=-1)
        uniform = self.generator.random((number, *self.chances.shape[:2], 1))
        return {self.group: (uniform > cumulative).sum(axis=-1)}

    def probabilities(self, group, state):
        return self.chances


@pytest.mark.parametrize(("followers", "quantity"), [(1, 3.0), (1, 1.0), (3, 1.5), (3, 2.0)])
def test_duopoly(followers, quantity):
    """With n followers at q_L = 6 each best answers (6 − (n − 1) q) / 2, worth its square."""
    market = make("duopoly", followers=followers)
    state = market.reset(0, 2, [6.0])
    rules = Rules("follower", np.full((2, followers, 1), quantity))
    found = market.best_response_value(state, rules)["follower"]
    best = ((6.0 - (followers - 1) * quantity) / 2.0) ** 2
    own = (6.0 - followers * quantity) * quantity
    np.testing.assert_allclose(found.best, best / market.reward_unit)
    np.testing.assert_allclose(found.own, own / market.reward_unit)
    assert found.exact == (followers == 1)


@pytest.mark.parametrize("tax", [0.0, 0.45, 0.9])
def test_labour_tax(tax):
    """Where hours solve (6) nobody gains; where all work a tenth longer everybody does."""
    market = make("labour_tax", households=30)
    state = market.reset(3, 4, [tax])
    productivity = np.exp(market.log_productivity(state.productivity_scores))
    hours = equilibrium_hours(market, productivity, state.theta)
    at_best, longer = (
        market.best_response_value(state, Rules("household", h[..., None]))["household"]
        for h in (hours, 1.1 * hours)
    )
    gaps = at_best.best - at_best.own
    assert np.abs(gaps).max() < 5e-6
    # Among many, what is best is (1 − ξ) ln h − h³ / 3 at its top, where 1 − ξ = h³.
    expected = (hours**3).mean() * ((1.1**3 - 1.0) / 3.0 - np.log(1.1))
    assert (longer.best - longer.own).mean() == pytest.approx(expected, rel=0.1)


def test_cobweb():
    """In the logit equilibrium nobody gains; all at one forecast do."""
    market = make("cobweb", treatment="unstable", parameterisation="common")
    state = market.reset(0, 3, [0.25])
    logit = LogitEquilibrium(market).solve(np.full(6, 0.25))
    chances = np.broadcast_to(logit.policy[0], (3, 6, 101))
    found = market.best_response_value(state, Rules("producer", chances=chances))["producer"]
    assert np.abs(found.best - found.own).max() < 0.01
    even = np.full((3, 6, 101), 1.0 / 101)
    found = market.best_response_value(state, Rules("producer", chances=even))["producer"]
    assert (found.best - found.own).min() > 0.02


@pytest.mark.parametrize("cost", [0.0, 1.0])
def test_market_entry(cost):
    """In the symmetric equilibrium nobody gains; where all toss coins everybody does."""
    market = make("market_entry", information_cost=cost, memory=False)
    state = market.reset(0, 2, [0.0])
    p = symmetric_entry(market, 0.0)
    values = []
    for chance in (p, 0.5):
        chances = np.broadcast_to([1.0 - chance, chance], (2, 20, 2))
        found = market.best_response_value(state, Rules("trader", chances=chances))["trader"]
        assert found.exact
        values.append((found.best - found.own).max())
    assert values[0] == pytest.approx(0.0, abs=1e-9)
    assert values[1] > 0.01


def test_market_entry_taxes_a_change_of_position_by_the_crowd_it_meets():
    """Of two traders the other enters half the time, so that |u| of an entrant is 1 or 1."""
    market = make("market_entry", traders=2, capacity=1)
    state = market.reset(0, 1, [0.1])
    chances = np.full((1, 2, 2), 0.5)
    step = market.step(state, {"trader": np.array([[1, 0]])})
    found = market.best_response_value(step.state, Rules("trader", chances=chances))["trader"]
    # In: 1 alone, −1 beside the other: 0 on average. Out: 1. The first is in and pays 0.1 to leave.
    insider = max(0.0, 1.0 - 0.1 * 1.0)
    own = 0.5 * 0.0 + 0.5 * (1.0 - 0.1)
    np.testing.assert_allclose(found.best[0, 0] * market.reward_unit, insider)
    np.testing.assert_allclose(found.own[0, 0] * market.reward_unit, own)
    np.testing.assert_allclose(found.best[0, 1] * market.reward_unit, 1.0)  # stays out
    outsider = 0.5 * 1.0 + 0.5 * (0.0 - 0.1 * 1.0)
    np.testing.assert_allclose(found.own[0, 1] * market.reward_unit, outsider)


def test_market_maker():
    market = make("market_maker", initial_price="stationary")
    state = market.reset(0, 5, [0.8])
    d = state.price - market.reference_price
    best = market.best_quotes.half_spread(d, 0.8)[:, None, None]
    found = market.best_response_value(state, Rules("market_maker", best))["market_maker"]
    np.testing.assert_allclose(found.best, found.own, atol=1e-12)
    wide = market.best_response_value(state, Rules("market_maker", best + 1.0))["market_maker"]
    np.testing.assert_array_equal(wide.best, found.best)
    assert (wide.best - wide.own).min() > 0.0


def test_a_price_of_information_is_paid_on_the_way_to_the_best():
    """λ log mean exp(r / λ) is reached by logit chances, and the maximum at a price of 0."""
    rewards = np.array([[[1.0, 0.0, -0.5], [0.2, 0.9, 0.1]]])
    price = np.array([[0.3, 0.0]])
    chances = np.array([[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    logit = np.exp(rewards[0, 0] / 0.3)
    chances[0, 0] = logit / logit.sum()
    best, own = priced(rewards, chances, price)
    np.testing.assert_allclose(best, own)
    assert best[0, 1] == 0.9
