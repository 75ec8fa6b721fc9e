"""What traders lose by their policy, computed: regret of every decision, without sampling.

The policy is shared and depends on the past and the own position alone, so that the chance of every
number of other entrants is known, and with it what each action is worth on average.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, xlogy

from ....envs.core.state import changed
from ....envs.market_entry.equilibrium import crowd, utilities
from ....envs.market_entry.laws import IN, OUT
from ....envs.market_entry.market import TRADER, MarketEntry
from ...policies.policies import Policies

Floats = NDArray[np.float64]


def regrets(market: MarketEntry, policies: Policies, attendance: Floats, tax: Floats) -> Floats:
    """Utility per trader that the best answer to the others would add in every period.

    With a price of information λ, utility is less λ KL(π ‖ coin), for the policy and for the best
    answer alike.

    Args:
        market: the game.
        policies: of the traders.
        attendance: of the periods of whole episodes, ``(E, T, B)``.
        tax: in force then, ``(E, T, B)``.

    Returns:
        mean over traders, expected over their draws, ``(E, T, B)``.
    """
    past = np.zeros_like(attendance)
    past[:, 1:] = np.cumsum(attendance, axis=1)[:, :-1]
    last = np.zeros_like(attendance)
    last[:, 1:] = attendance[:, :-1]
    clock = np.broadcast_to(np.arange(attendance.shape[1])[:, None], attendance.shape)
    state = (last.reshape(-1), past.reshape(-1), clock.reshape(-1), tax.reshape(-1))
    entry = _entry(market, policies, *state)
    # The first move is untaxed.
    charged = np.where(clock > 0, tax, 0.0).reshape(-1)
    found, insiders = np.zeros(len(entry)), last.reshape(-1).astype(int)
    for inside in np.unique(insiders):
        rows = insiders == inside
        found[rows] = _of_crowd(market, int(inside), entry[rows], charged[rows])
    return found.reshape(attendance.shape)


def _entry(
    market: MarketEntry,
    policies: Policies,
    last: Floats,
    past: Floats,
    clock: NDArray[np.integer],
    tax: Floats,
) -> Floats:
    """Chances of entering of an outsider and of an insider, ``(n, 2)``."""
    positions = np.zeros((len(last), market.traders))
    positions[:, IN] = 1.0  # the trader of that number stands for all who are in
    state = changed(
        market.reset(0, 1),  # its streams stand for all rows: nothing is drawn
        theta=tax[:, None],
        clock=clock,
        positions=positions,
        attendance_sum=past,
        attendance_square_sum=past,
        last_attendance=last,
    )
    seen = market.observe(state)[TRADER][:, [OUT, IN]]
    chances = policies.probabilities(TRADER, seen.reshape(-1, seen.shape[-1]))[:, IN]
    return chances.reshape(-1, 2)


def _of_crowd(market: MarketEntry, inside: int, entry: Floats, tax: Floats) -> Floats:
    """Mean regret over all traders after a period with so many entrants, ``(n,)``."""
    outside = market.traders - inside
    untaxed, all_taken = utilities(market, 0.0), utilities(market, 1.0)
    total = np.zeros(len(entry))
    for position, number in ((OUT, outside), (IN, inside)):
        if not number:
            continue
        others = (outside - (position == OUT), inside - (position == IN))
        chances = crowd(*others, entry[:, OUT], entry[:, IN])
        # Utility is linear in τ: between that of no tax and that of τ = 1.
        worth = (1.0 - tax[:, None]) * (chances @ untaxed[position].T)
        worth += tax[:, None] * (chances @ all_taken[position].T)  # (n, 2)
        own = np.stack([1.0 - entry[:, position], entry[:, position]], axis=1)
        total += number * _regret(worth, own, market.information_cost)
    return total / market.traders


def _regret(worth: Floats, chosen: Floats, cost: float) -> Floats:
    """The best value less that of the chosen probabilities, ``(n, 2)`` each, to ``(n,)``."""
    value = (chosen * worth).sum(axis=1)
    if not cost:
        return worth.max(axis=1) - value
    information = xlogy(chosen, 2.0 * chosen).sum(axis=1)
    best = cost * (logsumexp(worth / cost, axis=1) - np.log(2.0))
    return best - (value - cost * information)
