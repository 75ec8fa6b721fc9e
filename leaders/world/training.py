"""How a world is trained, one iteration at a time: by the witness, or by Algorithm 1 of INTAGS."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.core.rollouts import Laboratory, LastOrders, Rollouts
from .agent import CHUNK, AgentNetwork
from .distances import apart, gaussian, gram, width_of
from .feedback import Feedback, feedback
from .keeping import packed_optimizer, restore_optimizer
from .likelihood import LARGEST_GRADIENT, decayed
from .options import WorldOptions
from .witness import FlowCost, Witness, costs_to_go, standardised

WARM_UP = 8  # iterations until the rate is the whole one
HALVINGS = 10  # of the paper's rate, in a run


class Training(ABC):
    """What both ways of training are made of.

    Args:
        options: the leader's.
        laboratory: where rollouts are played.
        network: trained in place.
        real: the real rollouts.
        iterations: in all, for the rate's decay.
    """

    _optimizer: torch.optim.Optimizer

    def __init__(
        self,
        options: WorldOptions,
        laboratory: Laboratory,
        network: AgentNetwork,
        real: Rollouts,
        iterations: int,
    ):
        self._options, self._laboratory, self._network = options, laboratory, network
        self._iterations = max(1, iterations)
        self._prepare(real)

    @abstractmethod
    def _prepare(self, real: Rollouts) -> None:
        """Costs against the real rollouts, and an optimiser."""

    @abstractmethod
    def iterate(self, iteration: int, seed: int) -> Rollouts | None:
        """One step; the rollouts that it was taken from, if they are of the world as it was."""

    def state(self) -> dict[str, Any]:
        """What changes beside the network."""
        return {"optimizer": packed_optimizer(self._optimizer)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        restore_optimizer(self._optimizer, state["optimizer"])


class WitnessTraining(Training):
    """Descent on the distance between the laws of rollouts; see `witness`."""

    def _prepare(self, real: Rollouts) -> None:
        options = self._options
        self._witness, self._last_witness = (
            Witness(real, options.feedbacks, kernel, options.whole)
            for kernel in (options.kernel, options.last_kernel)
        )
        self._flow = FlowCost(float(real.orders.mean()) / real.steps, options.orders)
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=options.rate)

    def iterate(self, iteration: int, seed: int) -> Rollouts:
        """One step; the rollouts that it was taken from."""
        options = self._options
        world = self._laboratory.world(
            self._network.weights(), options.rollouts, seed, options.share
        )
        decisions = world.decisions
        assert decisions is not None
        last = iteration >= round((1.0 - options.last_share) * self._iterations)
        costing = self._last_witness if last else self._witness
        seen = costing.raw_costs(world) + self._flow(decisions, world, options.share)
        costs = costs_to_go(standardised(seen), options.discount)
        charged = torch.from_numpy(costs[decisions.rollout, decisions.step].astype(np.float32))
        for group in self._optimizer.param_groups:
            # Adam's first steps are as long for noise as for a slope.
            begun = min(1.0, (iteration + 1) / WARM_UP)
            group["lr"] = options.rate * begun * decayed(iteration / self._iterations)
        self._optimizer.zero_grad(set_to_none=True)
        descend(self._network, decisions.features, decisions.actions, charged / len(charged))
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        return world


class PaperTraining(Training):
    """Algorithm 1: b actions at the last state of a step, N continuations each, their metric.

    With ``paper_optimizer: adam`` its gradient, less the mean over the b actions, goes to Adam.
    """

    def _prepare(self, real: Rollouts) -> None:
        options = self._options
        self._name, self._steps = options.feedbacks[0], real.steps
        self._cost = PrefixMetric(feedback(real, self._name, "hajek"))
        adam = options.paper_optimizer == "adam"
        kind = torch.optim.Adam if adam else torch.optim.SGD
        self._rate = options.rate if adam else options.paper_rate
        self._optimizer = kind(self._network.parameters(), lr=self._rate)
        self._baseline = adam

    def iterate(self, iteration: int, seed: int) -> None:
        """One step."""
        options = self._options
        halved = 0.5 ** (iteration * HALVINGS // self._iterations)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * (1.0 if self._baseline else halved)
        steps = (options.choices, options.continuations)
        first = min(options.varied_steps, self._steps)
        varied = self._laboratory.last_orders(
            self._network.weights(), options.prefixes, first, *steps, seed
        )
        costs = prefix_costs(varied, self._name, self._cost)
        if self._baseline:
            costs = costs - costs.mean(axis=2, keepdims=True)
        drawn = varied.drawn
        weights = torch.from_numpy(costs[drawn] / drawn.shape[0] / drawn.shape[2])
        self._optimizer.zero_grad(set_to_none=True)
        descend(self._network, varied.features[drawn], varied.actions[drawn], weights.float())
        if self._baseline:
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Plain descent remembers nothing."""
        if self._baseline:
            super().restore(state)


class PrefixMetric:
    """MMD² of the N continuations of a prefix, one number each, against the real sample."""

    def __init__(self, real: Feedback):
        self._real, self._kernel = real, gaussian(width_of(real))
        # The real sample is some hundred times the size of what is compared with it.
        self._beyond = apart(gram(real, real, self._kernel))

    def __call__(self, values: NDArray[np.float64]) -> float:
        """Of N numbers."""
        seen = Feedback.of_numbers(values)
        within, between = (gram(seen, other, self._kernel) for other in (seen, self._real))
        return apart(within) + self._beyond - 2.0 * float(between.mean())


def prefix_costs(varied: LastOrders, name: str, cost: PrefixMetric) -> NDArray[np.float64]:
    """Q of every action, ``(K, S, b)``."""
    shape = varied.drawn.shape
    found = np.zeros(shape)
    for step, rollouts in enumerate(varied.rollouts):
        numbers = feedback(rollouts, name, "hajek").numbers.reshape(shape[0], shape[2], -1)
        for prefix in range(shape[0]):
            for choice in range(shape[2]):
                found[prefix, step, choice] = cost(numbers[prefix, choice])
    return found


def descend(
    network: AgentNetwork,
    features: NDArray[np.float32],
    actions: NDArray[np.int64],
    costs: torch.Tensor,
) -> None:
    """Add Σ cost · ∇ log p to the gradients of a network, part by part."""
    for first in range(0, len(actions), CHUNK):
        rows = slice(first, first + CHUNK)
        likelihood = network.log_likelihood(
            torch.from_numpy(features[rows]), torch.from_numpy(actions[rows])
        )
        (costs[rows] * likelihood).sum().backward()
