"""Messages per second of the order book with its reports, on the flows of a public benchmark.

A report is a row that the engine writes, within what is measured; there is no other thread that
takes it. Whether the rows say what that benchmark publishes is measured, too.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from ....envs.order_book import layout
from ....envs.order_book.reports import stream
from ..speed import Figures, Measured, note
from .scenarios import ORDERS, SCENARIOS, digest, flow

WINDOW, ROOM = 2**17, 2**16
BEST_OF_ITS_STRUCTURE = 5.6e6
"""Messages per second in its worst scenario of the fastest flat array of that benchmark."""


def order_book_scenarios(repeats: int, quick: bool = False) -> Figures:
    """Every scenario by turns, and the worst of each turn."""
    flows = {
        name: flow(scenario, ORDERS // 10 if quick else ORDERS)
        for name, scenario in SCENARIOS.items()
    }
    figures: Figures = {}
    # Written once before, so that the system's first touch of the memory is not measured.
    room = np.full((2 * max(map(len, flows.values())) + ROOM, layout.REPORT_SIZE), -1)
    played(flows["static"][:1000], room)  # compiled loops are read from the disk
    for turn in range(repeats):
        rates = []
        for name, messages in flows.items():
            reports, seconds = played(messages, room)
            rates.append(len(messages) / seconds)
            note(figures, f"{name}/messages_per_processor_second", rates[-1])
            if turn == 0 and not quick:
                equal = digest(messages, reports) == SCENARIOS[name].published
                note(figures, f"{name}/reports_as_published", float(equal))
        note(figures, "worst/messages_per_processor_second", min(rates))
    return figures


def played(
    messages: NDArray[np.int64], reports: NDArray[np.int64]
) -> tuple[NDArray[np.int64], float]:
    """The reports on a flow, written to the start of an array, and the processor seconds taken."""
    anonymous = messages.copy()
    anonymous[:, 4] = layout.NONE
    book = layout.empty_books(1, window=WINDOW, orders=ROOM, events=ROOM + 2)[0]
    numbers = np.full(len(messages), layout.NONE)
    began = time.process_time()
    done, written = stream(book, anonymous, numbers, 0, reports, int(layout.Prevention.ALLOW))
    seconds = time.process_time() - began
    assert done == len(messages)
    return reports[:written], seconds


SCENARIO_SPEED = Measured(
    "the matching engine with its reports, on five flows of a public benchmark",
    order_book_scenarios,
    goals={
        "worst/messages_per_processor_second": ("at least", BEST_OF_ITS_STRUCTURE),
        **{f"{name}/reports_as_published": ("at least", 1.0) for name in SCENARIOS},
    },
)
