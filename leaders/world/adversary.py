"""The baseline of the literature: a conditional Wasserstein GAN of single decisions (WGAN-GP).

The generator is the world agent itself, whose heads are drawn by straight-through Gumbel softmax,
so that it differs from a calibrated agent by its training alone; the critic sees state and one-hot
decision (Coletta et al. 2022; gradient penalty of Gulrajani et al. 2017). Neither paper prints its
architecture. Either may read the past states that are part of what an agent sees by an LSTM, as is
said of the original's networks; such a generator is moved by normal numbers, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import gumbel_softmax, leaky_relu, one_hot

from ...envs.core.rollouts import Decisions
from .agent import AgentNetwork
from .keeping import packed, packed_optimizer, restore_optimizer, unpacked

TEMPERATURE, SLOPE, PENALTY = 0.7, 0.2, 10.0
CRITIC_STEPS, HIDDEN, REMEMBERED = 5, 128, 32
RATE, BETAS = 3e-4, (0.5, 0.9)


class Critic(torch.nn.Module):
    """How real a decision looks in a state."""

    def __init__(self, entries: int):
        super().__init__()
        self.first = torch.nn.Linear(entries, HIDDEN)
        self.second = torch.nn.Linear(HIDDEN, HIDDEN)
        self.last = torch.nn.Linear(HIDDEN, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """``(n, F + Σ bins)`` to ``(n,)``."""
        hidden = leaky_relu(self.first(inputs), SLOPE)
        out: Tensor = self.last(leaky_relu(self.second(hidden), SLOPE))[:, 0]
        return out


class RecurrentCritic(Critic):
    """How real a decision looks in a state, whose past an LSTM reads from the oldest on.

    Args:
        entries: of what it is shown.
        history: where the past states are: the first entry, how many, entries of each; the newest
            one comes first.
    """

    def __init__(self, entries: int, history: tuple[int, int, int]):
        self._first, self._states, self._each = history
        super().__init__(entries - self._states * self._each + REMEMBERED)
        # Cell by cell: the fused layer has no second derivative, which the penalty asks for.
        self.cell = torch.nn.LSTMCell(self._each, REMEMBERED)

    def forward(self, inputs: Tensor) -> Tensor:
        """``(n, F + Σ bins)`` to ``(n,)``."""
        sizes = [self._first, self._states * self._each]
        before, past, after = inputs.split([*sizes, inputs.shape[1] - sum(sizes)], dim=1)
        states = past.unflatten(1, (self._states, self._each)).flip(1).unbind(dim=1)
        hidden, cell = self.cell(states[0])
        for state in states[1:]:
            hidden, cell = self.cell(state, (hidden, cell))
        return super().forward(torch.cat([before, hidden, after], dim=1))


class AdversarialFit:
    """Generator and critic.

    Args:
        network: the generator, trained in place.
        decisions: recorded.
        mirrored: their mirror images; None: none.
        batch: decisions of a step.
        seed: of batches and noise.
        history: where the past states are in what an agent sees, for a critic that reads them by
            an LSTM; None: it reads all entries alike.
    """

    def __init__(
        self,
        network: AgentNetwork,
        decisions: Decisions,
        mirrored: Decisions | None,
        batch: int = 256,
        seed: int = 0,
        history: tuple[int, int, int] | None = None,
    ):
        both = [decisions] + ([mirrored] if mirrored is not None else [])
        self._features = torch.from_numpy(np.concatenate([d.features for d in both]))
        self._actions = torch.from_numpy(np.concatenate([d.actions for d in both]))
        torch.manual_seed(seed)
        self._seed, self.done = seed, 0
        self._network, self._batch = network, batch
        entries = self._features.shape[1] + sum(network.bins)
        self._critic = RecurrentCritic(entries, history) if history else Critic(entries)
        own = network.parameters()
        self._generator_steps = torch.optim.Adam(own, lr=RATE, betas=BETAS)
        self._critic_steps = torch.optim.Adam(self._critic.parameters(), lr=RATE, betas=BETAS)

    def step(self, number: int = 1) -> float:
        """So many generator steps; the critic's mean estimate of the Wasserstein distance."""
        total = 0.0
        torch.manual_seed((self._seed << 32) + self.done)
        for _ in range(number):
            for _ in range(CRITIC_STEPS):
                total += self._teach()
            features = self._features[self._rows()]
            fake = self._drawn(features)
            loss = -self._critic(torch.cat([features, fake], dim=1)).mean()
            self._generator_steps.zero_grad(set_to_none=True)
            loss.backward()
            self._generator_steps.step()
            self.done += 1
        return total / max(1, number * CRITIC_STEPS)

    def _rows(self) -> Tensor:
        return torch.randint(len(self._actions), (self._batch,))

    def _teach(self) -> float:
        """One step of the critic."""
        rows = self._rows()
        features = self._features[rows]
        real = torch.cat([features, self._one_hot(self._actions[rows])], dim=1)
        with torch.no_grad():
            fake = torch.cat([features, self._drawn(features)], dim=1)
        share = torch.rand(len(rows), 1)
        between = (share * real + (1.0 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(self._critic(between).sum(), between, create_graph=True)
        apart = self._critic(real).mean() - self._critic(fake).mean()
        loss = PENALTY * ((slope.norm(dim=1) - 1.0) ** 2).mean() - apart
        self._critic_steps.zero_grad(set_to_none=True)
        loss.backward()
        self._critic_steps.step()
        return float(apart.detach())

    def _one_hot(self, actions: Tensor) -> Tensor:
        parts = [one_hot(actions[:, head], bins) for head, bins in enumerate(self._network.bins)]
        return torch.cat(parts, dim=1).float()

    def _drawn(self, features: Tensor) -> Tensor:
        """One-hot decisions of the generator, with a gradient, ``(n, Σ bins)``."""
        agent = self._network
        y = torch.cat(agent.outputs(features), dim=1)
        of_event, of_depth, of_size, of_time = y.split(agent.bins, dim=1)
        event = _draw(of_event + agent.event_mask)
        # Straight-through samples are one-hot but for rounding, which a mask of −1e9 would blow up.
        kind = event.argmax(dim=1)
        depth = _draw(of_depth + event @ agent.depth_by_event + agent.depth_mask[kind])
        order = (event[:, :, None] * depth[:, None, :]).flatten(1)
        size = _draw(of_size + order @ agent.size_by_order + agent.size_mask[kind])
        tables = order @ agent.time_by_order + size @ agent.time_by_size
        time = _draw(of_time + tables + agent.time_mask[kind])
        return torch.cat([event, depth, size, time], dim=1)

    def state(self) -> dict[str, Any]:
        """What changes beside the generator."""
        others = {f"critic/{n}": t.numpy() for n, t in self._critic.state_dict().items()}
        return {
            "done": self.done,
            "others": packed(others),
            "generator": packed_optimizer(self._generator_steps),
            "critic": packed_optimizer(self._critic_steps),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.done = state["done"]
        others = {n: torch.from_numpy(a.copy()) for n, a in unpacked(state["others"]).items()}
        self._critic.load_state_dict({n.removeprefix("critic/"): t for n, t in others.items()})
        restore_optimizer(self._generator_steps, state["generator"])
        restore_optimizer(self._critic_steps, state["critic"])

    def samples(self, number: int) -> tuple[Tensor, Tensor]:
        """States of the recording and the generator's decisions in them."""
        features = self._features[torch.randint(len(self._actions), (number,))]
        with torch.no_grad():
            drawn = self._drawn(features).split(self._network.bins, dim=1)
        return features, torch.stack([part.argmax(dim=1) for part in drawn], dim=1)


def _draw(logits: Tensor) -> Tensor:
    return gumbel_softmax(logits, tau=TEMPERATURE, hard=True)
