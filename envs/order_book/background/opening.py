"""How a background market begins: agents are placed on a line and sleep until their first wake."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel
from ..layout import CLOCK, EXTRA, NONE
from . import agents, flow
from . import layout as at
from .exchange import agent_of, wait_for
from .fundamental import draw_shock
from .random_numbers import exponential, integer, start_stream, uniform

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
# Sources of randomness; agent i has the stream SOURCES + i.
ARRIVALS, CHOICES, VALUES, PLACES, SOURCES = range(5)
FLOWS = 1 << 40


@kernel
def open_market(memory: Integers, reals: Reals, parameters: Reals, seed: int) -> None:
    """Everybody is placed on the line and sleeps; the first wakes are drawn."""
    here, opening = memory[EXTRA], int(parameters[at.OPEN])
    for source, counter in (
        (ARRIVALS, at.NOISE_STREAM),
        (CHOICES, at.NOISE_CHOICES),
        (VALUES, at.FUNDAMENTAL_STREAM),
    ):
        start_stream(memory, here + counter, seed, source)
    memory[CLOCK] = opening
    memory[here + at.IMBALANCED] = NONE
    memory[here + at.FUNDAMENTAL_TIME] = opening
    reals[at.FUNDAMENTAL] = parameters[at.MEAN_PRICE]
    draw_shock(memory, reals, parameters, opening)
    # The stream of places is used here alone; a counter that is set below holds it.
    places = here + at.NOISE_TIME
    start_stream(memory, places, seed, PLACES)
    reals[at.EXCHANGE_PLACE] = uniform(memory, places)
    makers, value_agents = memory[here + at.MAKERS], memory[here + at.VALUE_AGENTS]
    for number in range(makers + value_agents + memory[here + at.MOMENTUM_AGENTS]):
        distance = abs(uniform(memory, places) - reals[at.EXCHANGE_PLACE])
        latency = int(parameters[at.LINE_LENGTH] * distance)
        start_stream(memory, agent_of(memory, number) + at.STREAM, seed, SOURCES + number)
        _place_agent(memory, parameters, number, latency)
    for maker in range(makers):
        reals[at.SPREADS + maker] = parameters[at.MAKER_FIRST_SPREAD]
    reals[at.SURVIVING], reals[at.WOKEN] = 1.0, 0.0
    if parameters[at.FLOW_RATE] > 0.0:
        start_flow(memory, seed)
        flow.open_flow(memory, reals, parameters)
    agents.next_noise_agent(memory, reals, parameters)
    while memory[here + at.NOISE_TIME] < opening:
        agents.next_noise_agent(memory, reals, parameters)


@kernel
def start_flow(memory: Integers, seed: int) -> None:
    """Begin the streams of the flow, of each kind of event its own."""
    for source in range(at.FLOW_STREAMS):
        start_stream(memory, flow.flow_of(memory) + source, seed, FLOWS + source)


@kernel
def _place_agent(memory: Integers, parameters: Reals, number: int, latency: int) -> None:
    """An agent's lot and its first wake."""
    here, agent = memory[EXTRA], agent_of(memory, number)
    stream = agent + at.STREAM
    memory[agent + at.LATENCY] = latency
    memory[agent + at.ORDER_OF] = NONE
    memory[agent + at.MID] = NONE
    mixture = parameters[at.SIZE_MIXTURE] != 0.0
    if number < memory[here + at.MAKERS]:
        kind, mean = at.MAKER_CANCELS, parameters[at.MAKER_WAKE]
        if parameters[at.FLOW_RATE] > 0.0:
            kind = at.MAKER_FOLLOWS
    elif number < memory[here + at.MAKERS] + memory[here + at.VALUE_AGENTS]:
        kind, mean = at.VALUE_READS, parameters[at.VALUE_WAKE]
        low, high = int(parameters[at.LOT_LOW]), int(parameters[at.LOT_HIGH])
        memory[agent + at.LOT] = 0 if mixture else integer(memory, stream, low, high + 1)
    else:
        kind, mean = at.MOMENTUM_READS, parameters[at.MOMENTUM_WAKE]
        low = int(parameters[at.MOMENTUM_LOT_LOW])
        high = int(parameters[at.MOMENTUM_LOT_HIGH])
        memory[agent + at.LOT] = 0 if mixture else integer(memory, stream, low, high + 1)
    wake = parameters[at.OPEN] + np.rint(exponential(memory, stream, mean))
    time = int(wake) + int(parameters[at.COMPUTATION_DELAY]) + latency
    wait_for(memory, time, kind, number, 0, 0, 0)
