"""Whoever plays the closed form has all of it, and the contenders' actions are the market's."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.registry import make
from pacesetter.training.bench.bench import benchmark
from pacesetter.training.bench.solution import NAMES, share_of_best, solver
from pacesetter.training.bench.solvers import Recipe, chosen, options

RECIPE = Recipe(1e-3, 0.5)


def test_the_closed_form_of_the_duopoly_is_worth_all_there_is():
    market = make("duopoly")
    (group,) = market.groups
    quantity = group.action_space.high[0]

    def best(seen):
        view = seen[:, -1:].astype(np.float64)
        theta = (view + 1.0) / 2.0 * (market.characteristics.high - market.characteristics.low)
        theta = theta + market.characteristics.low
        return np.vectorize(market.best_response)(theta)

    assert share_of_best(market, best, free=False) == pytest.approx(1.0, abs=1e-6)
    idle = share_of_best(market, lambda seen: np.full((len(seen), 1), 0.25 * quantity), False)
    assert idle < 0.95


@pytest.mark.parametrize("name", ["duopoly", "cobweb", "market_maker"])
def test_outputs_become_actions_of_the_market(name):
    declared = benchmark(f"{name}_solution")
    market = make(declared.market)
    (group,) = market.groups
    space = group.action_space
    outputs = np.linspace(-3.0, 3.0, 12).reshape(4, 3)[:, : getattr(space, "n", 1)]
    assert all(space.contains(a.astype(space.dtype)) for a in chosen(outputs, space))
    assert options(declared, market, RECIPE)["minibatch_size"] >= 1

    def constant(seen):
        return chosen(np.zeros((len(seen), 1)), space)

    assert -1.0 < share_of_best(market, constant, group.information_cost) < 1.0


def test_stable_baselines_takes_part():
    declared = benchmark("duopoly_solution")
    market = make(declared.market)
    playing = solver("stable_baselines", declared, market, RECIPE, 0)
    playing.iterate()
    seen = market.observe(market.reset(0, 3))[market.groups[0].name].reshape(3, -1)
    acted = playing.act(seen)
    assert all(market.groups[0].action_space.contains(action) for action in acted)
    assert len(set(NAMES)) == 4
    playing.stop()
