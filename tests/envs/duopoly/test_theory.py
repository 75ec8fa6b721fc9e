"""Closed forms of the duopoly against brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.training.experiments.load import load_experiment, shipped_experiments

MARKETS = [
    {"followers": 1},
    {"followers": 2, "demand_intercept": 9.0, "demand_slope": 0.7, "unit_cost": 1.5},
    {"followers": 5},
]


def play(market, leader, followers):
    """Leader profit ``(k,)`` and follower rewards ``(k, N)`` of k plays at once."""
    theta = np.asarray(leader, dtype=float)[:, None]
    quantities = np.broadcast_to(followers, (len(theta), market.followers))[:, :, None]
    step = market.step(market.reset(0, len(theta), theta), {"follower": quantities})
    return step.quantities["leader_profit"], step.rewards["follower"]


@pytest.mark.parametrize("options", MARKETS)
def test_the_answer_is_a_nash_equilibrium_among_followers(options):
    market = make("duopoly", **options)
    grid = np.linspace(0, market.largest_quantity, 4001)
    for leader in (0.0, market.largest_quantity / 3, market.largest_quantity / 2):
        answer = market.best_response(leader)
        deviating = np.full((len(grid), market.followers), answer)
        deviating[:, 0] = grid
        _, rewards = play(market, np.full(len(grid), leader), deviating)
        assert grid[rewards[:, 0].argmax()] == pytest.approx(answer, abs=grid[1])


@pytest.mark.parametrize("options", MARKETS)
def test_stackelberg_and_cournot_by_brute_force(options):
    market = make("duopoly", **options)
    figures = market.benchmark()
    grid = np.linspace(0, market.largest_quantity, 4001)
    answers = np.array([market.best_response(q) for q in grid])[:, None]
    profit, rewards = play(market, grid, answers)
    best = profit.argmax()
    assert grid[best] == pytest.approx(figures["stackelberg_leader_quantity"], abs=grid[1])
    assert profit[best] == pytest.approx(figures["stackelberg_leader_profit"], rel=1e-6)
    quantity = figures["stackelberg_follower_quantity"]
    assert answers[best, 0] == pytest.approx(quantity, abs=grid[1])
    assert rewards[best, 0] == pytest.approx(1.0, abs=1e-3)
    slope = np.diff(answers[:, 0]) / np.diff(grid)
    np.testing.assert_allclose(slope, figures["follower_answer_slope"], rtol=1e-9)
    # Cournot: the leader's quantity is the best answer to followers who answer it.
    cournot = figures["cournot_quantity"]
    assert market.best_response(cournot) == pytest.approx(cournot)
    profit, _ = play(market, grid, cournot)
    assert grid[profit.argmax()] == pytest.approx(cournot, abs=grid[1])
    assert profit.max() == pytest.approx(figures["cournot_leader_profit"], rel=1e-6)


def test_known_figures_of_the_textbook_game():
    figures = make("duopoly").benchmark()
    assert figures["stackelberg_leader_quantity"] == 6.0
    assert figures["stackelberg_follower_quantity"] == 3.0
    assert figures["stackelberg_leader_profit"] == 18.0
    assert figures["cournot_quantity"] == 4.0
    assert figures["cournot_leader_profit"] == 16.0


def test_the_anticipating_gradient_vanishes_at_stackelberg_and_the_myopic_one_at_cournot():
    market = make("duopoly")

    def slope(leader, anticipates):
        theta = torch.tensor([[leader]], dtype=torch.float64, requires_grad=True)
        answer = market.best_response(theta if anticipates else theta.detach())
        state = market.reset(0, 1, like=torch.zeros(1, dtype=torch.float64))
        state = type(state)(**{**vars(state), "theta": theta})
        profit = market.step(state, {"follower": answer[:, None]}).quantities["leader_profit"]
        return float(torch.autograd.grad(profit.sum(), theta)[0])

    assert slope(6.0, True) == pytest.approx(0.0, abs=1e-12)
    assert slope(4.0, False) == pytest.approx(0.0, abs=1e-12)
    assert slope(4.0, True) == pytest.approx(2.0)  # a leader who anticipates wants more


def test_a_hidden_theta_shows_nothing():
    market = make("duopoly", theta_visible=False)
    low, high = (market.observe(market.reset(0, 1, [q]))["follower"] for q in (0.0, 12.0))
    np.testing.assert_array_equal(low, high)


def test_refuses_a_market_without_profit():
    with pytest.raises(PacesetterError, match="must exceed unit_cost"):
        make("duopoly", unit_cost=12.0)


def test_a_bound_on_the_leader_changes_its_range_and_nothing_else():
    free, bound = make("duopoly"), make("duopoly", largest_leader_quantity=10.0)
    assert free.characteristics.high == [12.0]
    assert bound.characteristics.high == [10.0]
    assert bound.benchmark() == free.benchmark()
    assert bound.groups == free.groups
    theta = np.array([[2.0], [10.0]])
    actions = {"follower": np.full((2, 1, 1), 2.5)}
    seen = [(m.observe(m.reset(0, 2, theta)), m) for m in (free, bound)]
    np.testing.assert_array_equal(*(s["follower"] for s, _ in seen))
    profits = [m.step(m.reset(0, 2, theta), actions).quantities["leader_profit"] for _, m in seen]
    np.testing.assert_array_equal(*profits)
    with pytest.raises(PacesetterError, match=r"'leader_quantity' must lie in \[0, 10\]"):
        bound.reset(0, 1, [10.1])
    assert make("duopoly", largest_leader_quantity=1.0).characteristics.entries[0].default == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"largest_leader_quantity": 12.1}, "must be at most .* = 12, got 12.1"),
        ({"largest_leader_quantity": 0.0}, "largest_leader_quantity must be > 0, got 0.0"),
        ({"largest_leader_quantity": 7.0, "demand_slope": 2.0}, "must be at most .* = 6, got 7"),
    ],
)
def test_refuses_a_bound_beyond_all_profit(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("duopoly", **options)


@pytest.mark.parametrize("name", [n for n in shipped_experiments() if n.startswith("duopoly_")])
def test_no_shipped_leader_begins_at_the_answer(name):
    """Whoever stands still, or looks at the middle or at a grid alone, must not be right."""
    experiment = load_experiment(name)
    answer = experiment.market.benchmark()["stackelberg_leader_quantity"]
    (entry,) = experiment.market.characteristics.entries
    starts = [(entry.low + entry.high) / 2, entry.default]
    leader = experiment.leader
    if leader.name == "ppo":
        starts.append(leader.initial_theta["leader_quantity"])
    assert min(abs(start - answer) for start in starts) >= 1.0
    if leader.name == "grid":
        points = np.linspace(entry.low, entry.high, leader.points_per_characteristic)
        assert 0.01 < np.abs(points - answer).min() < 0.1
