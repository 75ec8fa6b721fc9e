"""A recording, an agent and worlds, made once for all tests of them."""

from __future__ import annotations

from functools import cache

import numpy as np

from pacesetter.envs.order_book.background import BackgroundMarket
from pacesetter.envs.order_book.world import WorldAgent, record_orders, replay_orders

SECOND = 10**9
MINUTES = 5
COPIES = 3


@cache
def market(preset="rmsc04"):
    return BackgroundMarket.preset(preset)


@cache
def recording(preset="rmsc04"):
    until = market(preset).open_ns + MINUTES * 60 * SECOND
    return record_orders(market(preset), np.arange(COPIES), until)


@cache
def replayed(preset="rmsc04"):
    return replay_orders(recording(preset))


@cache
def agent(preset="rmsc04"):
    found = replayed(preset)
    return WorldAgent.initial(0, found.actions, found.rate)


def worlds(seeds=range(COPIES), preset="rmsc04"):
    return replayed(preset).worlds(agent(preset), list(seeds))


def begin(preset="rmsc04"):
    return recording(preset).until_ns
