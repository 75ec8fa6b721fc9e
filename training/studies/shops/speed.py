"""Speed of shops: their physics alone, and whole iterations with customers who learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....envs.core.market import Market
from ....envs.registry import make
from ..speed import Figures, Measured, Race, Resident, note, steps_per_second

COPIES = 64
CUSTOMERS = (30, 1000, 10_000)

RACE = Race(
    "3 shops and 30 learning customers, 64 copies, 64×64, 2 epochs, minibatch 1024",
    "shops",
    copies=64,
    steps=25,
    free_information=True,
    options={"customer_choice": "learning"},
    goals={"iteration_speedup_over_stock": ("at least", 10.0)},
)


def alone(repeats: int, quick: bool = False) -> Figures:
    """Agent steps per second of processor time, and nanoseconds per customer and step."""
    figures: Figures = {}
    for _ in range(repeats):
        costs = {}
        for customers in CUSTOMERS[: 2 if quick else None]:
            # As many customers at once, or more: what a call costs is shared by as many.
            copies = -(-COPIES * CUSTOMERS[0] // customers)
            market = make("shops", customers=customers, customer_choice="learning")
            rate = steps_per_second(market, _actions(market, copies), copies)
            costs[customers] = 1e9 / (rate * customers)
            agents = sum(group.size for group in market.groups)
            note(figures, f"{customers}_customers/agent_steps_per_processor_second", rate * agents)
            note(figures, f"{customers}_customers/nanoseconds_per_customer", costs[customers])
        note(figures, "cost_per_customer_many_over_few", max(costs.values()) / costs[CUSTOMERS[0]])
    return figures


def _actions(market: Market, copies: int) -> dict[str, NDArray[Any]]:
    """One price, and choices at random."""
    shop, customer = market.groups
    generator = np.random.default_rng(0)
    return {
        shop.name: np.full((copies, shop.size, 1), 1.4, dtype=np.float32),
        customer.name: generator.integers(0, customer.action_space.n, (copies, customer.size)),
    }


ALONE = Measured(
    "shops alone, 64 copies of 30 learning customers",
    alone,
    goals={
        "30_customers/agent_steps_per_processor_second": ("at least", 3e5),
        "cost_per_customer_many_over_few": ("at most", 1.2),
    },
)

MEMORY = Resident(
    "training one market of 10,000 learning customers under a PPO leader, Ray included",
    "shops",
    goals={"10000_customers/megabytes": ("at most", 2000.0)},
    options={"customers": CUSTOMERS[-1], "customer_choice": "learning"},
    copies=1,
    steps=10,
    figure=f"{CUSTOMERS[-1]}_customers/megabytes",
)
