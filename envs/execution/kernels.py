"""What executors do to the order book, and what they and the leader see of it, compiled.

Version history: v1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.kernels.compiled import kernel
from ..order_book.background.exchange import note_trade, send, watch_balance
from ..order_book.layout import (
    ACCOUNT_SIZE,
    BEST,
    BUY,
    CANCEL_RESTING,
    LAST_PRICE,
    LEDGER,
    MONEY_PAID,
    NO_ASK,
    NO_BID,
    NONE,
    OFFERED,
    SELL,
    SHARES_HELD,
    TRADED,
)
from ..order_book.levels import depth
from ..order_book.matching import cancel_order, market_order

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
MARKET, LIMIT, HOLD = 0, 1, 2
NEAR_LEVELS, TEN_LEVELS = 5, 10
# Columns of what is read off a book; prices are not a number where there are none.
(
    BID,
    ASK,
    LAST,
    ALL_BIDS,
    ALL_ASKS,
    NEAR_BIDS,
    NEAR_ASKS,
    TEN_VOLUME,
    TRADED_SHARES,
    MAKERS_SHARES,
    MAKERS_PAID,
) = range(11)
SEEN = 11


@kernel
def act(
    memory: Integers,
    parameters: Reals,
    actions: Integers,
    turns: Integers,
    sides: Integers,
    remaining: Integers,
    standing: Integers,
    child_size: int,
    first_owner: int,
    touch: Integers,
    taken: Integers,
) -> None:
    """Carry out the executors' decisions, one after another, in every copy.

    Args:
        memory: ``(B, L)``, changed in place.
        parameters: of the background, ``(B, P)``.
        actions: MARKET, LIMIT or HOLD, ``(B, N)``.
        turns: the executors in the order of their turns, ``(B, N)``.
        sides: BUY or SELL, ``(N,)``.
        remaining: shares not traded before, ``(B, N)``.
        standing: numbers of their resting orders, NONE if none, ``(B, N)``; changed in place.
        child_size: shares of one order, at most.
        first_owner: owner's number of the first executor.
        touch: near touch that limit orders carry, by side, ``(B, 2)``; NONE: as it is at the turn.
        taken: filled in with the money of trades that take liquidity, ``(B, N)``.
    """
    for copy in range(memory.shape[0]):
        book = memory[copy]
        for executor in turns[copy]:
            kind = actions[copy, executor]
            if kind == HOLD:
                continue
            cancel_order(book, standing[copy, executor])
            standing[copy, executor] = NONE
            size = min(child_size, remaining[copy, executor])
            side, owner = sides[executor], first_owner + executor
            if size > 0 and kind == MARKET:
                _, _, filled, money = market_order(book, side, size, owner, CANCEL_RESTING)
                taken[copy, executor] = money
                if filled > 0:
                    note_trade(book)
            elif size > 0:
                seen = touch[copy, side]
                price = seen if seen != NONE else near_touch(book, side)
                if price != NONE:
                    _, number, _, money = send(book, parameters[copy], side, price, size, owner)
                    taken[copy, executor] = money
                    standing[copy, executor] = number
            watch_balance(book, parameters[copy])


@kernel
def near_touch(book: Integers, side: int) -> int:
    """Best price of the own side; one tick inside the other's if it is empty; NONE if both are."""
    bid, ask = book[BEST + BUY], book[BEST + SELL]
    if side == BUY:
        return bid if bid != NO_BID else (ask - 1 if ask != NO_ASK else NONE)
    return ask if ask != NO_ASK else (bid + 1 if bid != NO_BID else NONE)


@kernel
def read_touch(memory: Integers, touch: Integers) -> None:
    """The near touch of either side of every book, ``(B, 2)``."""
    for copy in range(memory.shape[0]):
        for side in (BUY, SELL):
            touch[copy, side] = near_touch(memory[copy], side)


@kernel
def read_accounts(memory: Integers, first_owner: int, accounts: Integers) -> None:
    """Shares bought less sold and money paid less received by the executors, ``(B, N, 2)``."""
    for copy in range(memory.shape[0]):
        for executor in range(accounts.shape[1]):
            account = memory[copy, LEDGER] + ACCOUNT_SIZE * (first_owner + executor)
            accounts[copy, executor, 0] = memory[copy, account + SHARES_HELD]
            accounts[copy, executor, 1] = memory[copy, account + MONEY_PAID]


@kernel
def read_books(memory: Integers, makers: int, seen: Reals) -> None:
    """Fill in what is seen of every book, ``(B, SEEN)``; market makers own the first orders."""
    prices = np.zeros(TEN_LEVELS, dtype=np.int64)
    sizes = np.zeros((2, TEN_LEVELS), dtype=np.int64)
    for copy in range(memory.shape[0]):
        book = memory[copy]
        bid, ask, last = book[BEST + BUY], book[BEST + SELL], book[LAST_PRICE]
        seen[copy, BID] = bid if bid != NO_BID else np.nan
        seen[copy, ASK] = ask if ask != NO_ASK else np.nan
        seen[copy, LAST] = last if last != NONE else np.nan
        seen[copy, ALL_BIDS] = book[OFFERED + BUY]
        seen[copy, ALL_ASKS] = book[OFFERED + SELL]
        sizes[:] = 0
        for side in (BUY, SELL):
            depth(book, side, prices, sizes[side])
            seen[copy, NEAR_BIDS + side] = sizes[side, :NEAR_LEVELS].sum()
        seen[copy, TEN_VOLUME] = sizes.sum()
        seen[copy, TRADED_SHARES] = book[TRADED + BUY] + book[TRADED + SELL]
        seen[copy, MAKERS_SHARES] = 0.0
        seen[copy, MAKERS_PAID] = 0.0
        for maker in range(makers):
            account = book[LEDGER] + ACCOUNT_SIZE * maker
            seen[copy, MAKERS_SHARES] += book[account + SHARES_HELD]
            seen[copy, MAKERS_PAID] += book[account + MONEY_PAID]
