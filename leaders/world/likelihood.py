"""A world agent that decides as recorded traders did, by maximum likelihood.

Every decision is taken together with its mirror image, both sides exchanged: the likelihood is no
better for it, but the market that the agent makes does not drift. Likelihood does not rank worlds,
as it never sees what an agent's own market leads to; the best of several fits along the way is
chosen by rollouts (`guide`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from ...envs.core.errors import PacesetterError
from ...envs.core.rollouts import Decisions
from .agent import AgentNetwork
from .keeping import packed_optimizer, restore_optimizer

LEAST_DECISIONS = 500
LAST_RATE = 0.03  # share of the first rate that is left at the end
LARGEST_GRADIENT = 1.0


class LikelihoodFit:
    """Adam on random batches of decisions and their mirror images.

    Args:
        network: what is fitted, in place.
        decisions: recorded.
        mirrored: their mirror images; empty: none.
        steps: in all, for the rate's decay.
        batch: decisions of a step.
        rate: of Adam, at first.
        seed: of the batches.

    Raises:
        PacesetterError: too few decisions.
    """

    def __init__(
        self,
        network: AgentNetwork,
        decisions: Decisions,
        mirrored: Decisions | None,
        steps: int,
        batch: int = 512,
        rate: float = 3e-3,
        seed: int = 0,
    ):
        if len(decisions) < LEAST_DECISIONS:
            raise PacesetterError(
                f"the recording holds {len(decisions)} decisions that a world agent can learn "
                f"from; it needs at least {LEAST_DECISIONS}. Record a longer time."
            )
        both = [decisions] + ([mirrored] if mirrored is not None else [])
        self._features = torch.from_numpy(np.concatenate([d.features for d in both]))
        self._actions = torch.from_numpy(np.concatenate([d.actions for d in both]))
        self._network, self._steps, self._batch, self._rate = network, max(1, steps), batch, rate
        self._optimizer = torch.optim.Adam(network.parameters(), lr=rate)
        self._seed, self.done = seed, 0

    def step(self, number: int = 1) -> float:
        """So many steps; mean negative log-likelihood over them, nats per decision."""
        total = 0.0
        generator = torch.Generator().manual_seed((self._seed << 32) + self.done)
        for _ in range(number):
            for group in self._optimizer.param_groups:
                group["lr"] = self._rate * decayed(self.done / self._steps)
            rows = torch.randint(len(self._actions), (self._batch,), generator=generator)
            loss = -self._network.log_likelihood(self._features[rows], self._actions[rows]).mean()
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), LARGEST_GRADIENT)
            self._optimizer.step()
            self.done += 1
            total += float(loss.detach())
        return total / max(1, number)

    def state(self) -> dict[str, Any]:
        """What changes beside the network."""
        return {"done": self.done, "optimizer": packed_optimizer(self._optimizer)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.done = state["done"]
        restore_optimizer(self._optimizer, state["optimizer"])


def decayed(passed: float) -> float:
    """Share of the first rate, by a cosine to `LAST_RATE`."""
    return LAST_RATE + (1.0 - LAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, passed)))


def mean_loss(network: AgentNetwork, decisions: Decisions) -> float:
    """Negative log-likelihood of decisions, nats each."""
    with torch.no_grad():
        found = network.log_likelihood(
            torch.from_numpy(decisions.features), torch.from_numpy(decisions.actions)
        )
    return -float(found.mean())
