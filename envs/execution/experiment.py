"""Rollouts of an experimental agent, in a market or in a world: the same orders, the same figures.

The agent sends a market order of one child at its decisions, at all of them or at a share; outcomes
are read off the book after every step (Wei et al. 2023, INTAGS, sections 4.2 and 4.3):

| outcome | what it is |
|---|---|
| `reward` | bp of the arrival mid that a child was bought cheaper, 0 without one |
| `return`, `impact` | bp of the mid, over the step and since arrival |
| `spread`, `log_spread` | cents, and the logarithm |
| `imbalance_5`, `imbalance_all` | share of bids in the best five levels, and in the whole book |
| `direction` | mid less last trade, cents |
| `log_volume_5`, `log_volume_10` | logarithm of the shares in the best levels of both sides |

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.rollouts import Floats, Rollouts
from ..order_book.layout import BUY, NONE
from .kernels import (
    ALL_ASKS,
    ALL_BIDS,
    HOLD,
    LAST,
    MARKET,
    NEAR_ASKS,
    NEAR_BIDS,
    SEEN,
    TRADED_SHARES,
    act,
    read_books,
)
from .state import accounts_of, with_spare_orders
from .view import quote, share

BASIS_POINTS = 1e4
LEVELS = (1, 5, 10)
OUTCOMES = (
    *("reward", "return", "impact", "spread", "log_spread"),
    *("imbalance_5", "imbalance_all", "direction", "log_volume_5", "log_volume_10"),
)
OTHERS = ("context", "volume", "traded")


class Books(Protocol):
    """Markets or worlds: a row of memory per copy, and the best levels."""

    memory: NDArray[np.int64]

    def levels(self, count: int) -> NDArray[np.int64]:
        """Price and size of bids, then of asks, ``(B, 4, count)``."""


@dataclass(frozen=True)
class Agent:
    """The experimental agent.

    Attributes:
        owner: its number among the owners of orders.
        child: shares of an order; 0: it is not there, and every step counts as treated.
        share: of its decisions at which it acts.
        times: of its decisions and of the end, ns since midnight, ``(T + 1,)``.
        parameters: of the background, which the exchange asks for, ``(P,)``.
    """

    owner: int
    child: int
    share: float
    times: NDArray[np.int64]
    parameters: Floats


class Played:
    """Rollouts under way: the agent's turns, and what was read after each.

    Args:
        books: which the agent's orders change.
        agent: who acts.
        chosen: whether it acts at each decision, ``(B, T)``.
        first_price: taken for the mid of a book that is empty.
    """

    def __init__(self, books: Books, agent: Agent, chosen: NDArray[np.bool_], first_price: float):
        self._books, self._agent, self._chosen = books, agent, chosen
        copies = len(books.memory)
        start = np.full(copies, first_price), np.ones(copies)
        self._mid, self._spread = quote(_seen(books), *start)
        self._arrival = self._mid
        self._traded = np.zeros(copies)
        self._rows: dict[str, list[Floats]] = {name: [] for name in (*OUTCOMES, *OTHERS)}

    def act(self, step: int) -> None:
        """The agent's turn."""
        seen, passed = _seen(self._books), step / (len(self._agent.times) - 1)
        self._traded = seen[:, TRADED_SHARES]
        context = _context(seen, self._mid, self._spread, self._arrival, passed)
        self._rows["context"].append(context)
        worth = _act(self._books, self._agent, self._chosen[:, step], self._arrival)
        self._rows["reward"].append(worth)

    def read(self) -> None:
        """Note what came of it until the next decision."""
        seen, before = _seen(self._books), self._mid
        self._mid, self._spread = mid, spread = quote(seen, self._mid, self._spread)
        volume = _volumes(self._books)
        found = {
            "return": BASIS_POINTS * np.log(mid / before),
            "impact": BASIS_POINTS * np.log(mid / self._arrival),
            "spread": spread,
            "log_spread": np.log(np.maximum(spread, 1.0)),
            "imbalance_5": share(seen[:, NEAR_BIDS], seen[:, NEAR_ASKS]),
            "imbalance_all": share(seen[:, ALL_BIDS], seen[:, ALL_ASKS]),
            "direction": mid - np.where(np.isnan(seen[:, LAST]), mid, seen[:, LAST]),
            **{
                f"log_volume_{n}": np.log1p(volume[:, :, LEVELS.index(n)].sum(axis=1))
                for n in (5, 10)
            },
            "volume": volume,
            "traded": seen[:, TRADED_SHARES] - self._traded,
        }
        for name, values in found.items():
            self._rows[name].append(values)

    def branch(self, rows: NDArray[np.int64], books: Books) -> Played:
        """The given rollouts, any number of times each, which go on in other books."""
        copied = copy(self)
        copied._books, copied._chosen = books, self._chosen[rows]
        for name in ("_mid", "_spread", "_arrival", "_traded"):
            setattr(copied, name, getattr(self, name)[rows])
        copied._rows = {n: [one[rows] for one in values] for n, values in self._rows.items()}
        return copied

    def rollouts(self) -> Rollouts:
        """All steps so far."""
        found = {name: np.stack(values, axis=1) for name, values in self._rows.items()}
        return Rollouts(
            outcomes={name: found[name] for name in OUTCOMES},
            treated=self._chosen | (self._agent.child == 0),
            context=found["context"],
            facts={"volume": found["volume"], "traded": found["traded"]},
            orders=np.full(len(self._mid), np.nan),
        )


def play(
    books: Books,
    advance: Callable[[int, int], None],
    agent: Agent,
    seed: int,
    first_price: float,
) -> Rollouts:
    """Rollouts from books that stand at the first decision.

    Args:
        books: which are changed.
        advance: let all others act until a time, in a step.
        agent: who acts.
        seed: of the steps at which it acts.
        first_price: taken for the mid of a book that is empty.
    """
    steps = len(agent.times) - 1
    chosen = np.random.default_rng(seed).random((len(books.memory), steps)) < agent.share
    played = Played(books, agent, chosen, first_price)
    for step in range(steps):
        played.act(step)
        advance(int(agent.times[step + 1]), step)
        played.read()
    return played.rollouts()


def _act(books: Books, agent: Agent, chosen: NDArray[np.bool_], arrival: Floats) -> Floats:
    """Send orders, and what each was worth, bp of the arrival mid, ``(B,)``."""
    copies = len(chosen)
    if not agent.child:
        return np.zeros(copies)
    books.memory = with_spare_orders(books.memory, 1)
    before = accounts_of(books.memory, agent.owner, 1)
    one = np.zeros((copies, 1), dtype=np.int64)
    now = np.full((copies, 2), NONE, dtype=np.int64)  # the touch that is there: no latency
    act(
        *(books.memory, np.tile(agent.parameters, (copies, 1))),
        *(np.where(chosen, MARKET, HOLD)[:, None], one, np.array([BUY])),
        *(one + agent.child, one + NONE, agent.child, agent.owner, now, one.copy()),
    )
    shares, paid = np.moveaxis(accounts_of(books.memory, agent.owner, 1) - before, -1, 0)[..., 0]
    worth = BASIS_POINTS * (arrival * shares - paid) / (arrival * np.maximum(shares, 1))
    return np.asarray(worth)


def _seen(books: Books) -> Floats:
    seen = np.zeros((len(books.memory), SEEN))
    read_books(books.memory, 0, seen)
    return seen


def _context(seen: Floats, mid: Floats, spread: Floats, arrival: Floats, passed: float) -> Floats:
    """Imbalance, spread, impact, direction and t/T, ``(B, 5)``."""
    last = np.where(np.isnan(seen[:, LAST]), mid, seen[:, LAST])
    columns = (
        share(seen[:, NEAR_BIDS], seen[:, NEAR_ASKS]),
        np.log(np.maximum(spread, 1.0)),
        BASIS_POINTS * np.log(mid / arrival),
        mid - last,
        np.full(len(mid), passed),
    )
    return np.stack(columns, axis=1)


def _volumes(books: Books) -> Floats:
    """Shares in the best 1, 5 and 10 levels of bids and asks, ``(B, 2, 3)``."""
    sizes = books.levels(max(LEVELS))[:, (1, 3)]
    return np.stack([sizes[:, :, :n].sum(axis=2) for n in LEVELS], axis=2).astype(np.float64)
