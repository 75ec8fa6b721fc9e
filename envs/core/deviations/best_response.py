"""What one follower could get by deviating: where a market can say it, and not only be asked.

A certificate trains best responses, which bound a gain from below: a network may miss the best. A
market whose steps can be solved says what the best is worth, and bounds it from above.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]


class Followers(Protocol):
    """How the followers of all groups behave, as a market that solves a deviation asks for it."""

    def draws(self, state: Any, number: int) -> dict[str, NDArray[Any]]:
        """Independent draws of all actions in a state, group -> ``(number, B, N, …)``."""

    def probabilities(self, group: str, state: Any) -> NDArray[Any]:
        """Chances of the actions of a Discrete group in a state, ``(B, N, actions)``."""


class BestResponse(NamedTuple):
    """Expected rewards of one step, net of information costs, in the same situations.

    Attributes:
        best: of the best that a follower can do alone while all others behave as they do,
            ``(B, N)``; at least that, where it is an upper bound.
        own: of what it does, ``(B, N)``.
        exact: whether `best` can be reached by who sees what followers see; False: it is an upper
            bound, as of somebody who knows the state.
    """

    best: Floats
    own: Floats
    exact: bool


def priced(rewards: Floats, chances: Floats, price: Floats) -> tuple[Floats, Floats]:
    """Best and own value of choosing at a price of information, each ``(B, N)``.

    A chooser that pays λ KL(π ‖ uniform) gets at best ``λ log mean_a exp(r_a / λ)``, the maximum
    at λ = 0.

    Args:
        rewards: expected reward of every action, ``(B, N, actions)``.
        chances: with which they are taken, of the same shape.
        price: λ, ``(B, N)``.
    """
    from scipy.special import xlogy  # a slow import

    top = rewards.max(axis=-1)
    free = price <= 0.0
    scale = np.where(free, 1.0, price)
    excess = np.exp((rewards - top[..., None]) / scale[..., None]).mean(axis=-1)
    best = np.where(free, top, top + scale * np.log(excess))
    information = xlogy(chances, chances).sum(axis=-1) + np.log(rewards.shape[-1])
    return best, (chances * rewards).sum(axis=-1) - price * information
