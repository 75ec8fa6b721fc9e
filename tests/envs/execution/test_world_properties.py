"""The execution game with a world agent in the place of all traders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from worlds import agent

from pacesetter.envs.check.report import check_market
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.execution.kernels import LIMIT, MARKET
from pacesetter.envs.order_book.layout import ROOM, with_room
from pacesetter.envs.registry import make

FEE = ("taker_fee_bp",)


@pytest.fixture
def file(tmp_path):
    agent().save(tmp_path / "agent.safetensors")
    return str(tmp_path / "agent.safetensors")


def world(file, **options):
    return make("execution", background="world", world_weights=file, leader_sets=FEE, **options)


def test_conforms(file):
    report = check_market(world(file, decisions=5, seconds_per_decision=20.0), steps=6)
    assert report.ok, str(report)


def test_begins_with_the_book_of_the_market_that_it_replaces(file):
    of_rules, of_world = make("execution"), world(file)
    here, there = of_rules.reset(0, 3), of_world.reset(0, 3)
    np.testing.assert_array_equal(of_rules.levels(here, 10), of_world.levels(there, 10))
    np.testing.assert_array_equal(here.mid, there.mid)


def test_branches_and_larger_books_go_on_alike(file):
    """Copies taken and put back, and a state whose books have grown."""
    market = world(file, buyers=1, sellers=1, parent_size=500, child_size=100)
    state = market.reset(1, 4)
    orders = [{"executor": np.full((4, 2), kind)} for kind in (MARKET, LIMIT, MARKET)]
    roomier = replace(state, memory=with_room(state.memory, 2 * int(state.memory[0, ROOM])))
    back = state.put(slice(None), roomier.take([3, 2, 1, 0]).take([3, 2, 1, 0]))
    filled = 0.0
    for actions in orders:
        here, there = market.step(state, actions), market.step(back, actions)
        for name, values in here.quantities.items():
            np.testing.assert_array_equal(values, there.quantities[name])
        state, back = here.state, there.state
        filled += here.quantities["filled"].mean()
    np.testing.assert_array_equal(market.levels(state, 10), market.levels(back, 10))
    assert filled > 0.3


def test_what_does_not_go_together(file):
    for options, message in (
        ({"background": "world"}, "set world_weights to its file"),
        ({"world_weights": file}, "leave the weights out"),
        (
            {"background": "world", "world_weights": file},
            r"noise_multiplier, .* would change nothing\. Set leader_sets to \[taker_fee_bp\]",
        ),
        (
            {"background": "world", "world_weights": f"{file}.npz", "leader_sets": ()},
            "cannot read",
        ),
    ):
        with pytest.raises(PacesetterError, match=message):
            make("execution", **options)
