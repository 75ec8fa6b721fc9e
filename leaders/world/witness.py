"""The witness gradient: which decisions of a world bring its rollouts nearer to the real ones.

MMD² of the law P of world rollouts and the real one Q is E k(f, f′) − 2 E k(f, g) + E k(g, g′), a
quadratic form of P; hence, with the decisions A_i in states S_i that a rollout is made of,

    ∇_θ MMD² = 2 E[ w(f) Σ_i ∇ log p_θ(A_i | S_i) ],   w(f) = E_{f′} k(f, f′) − E_g k(f, g):

a score-function gradient whose cost is the witness of the two laws. A decision is charged with what
is seen from its own step on, discounted, since it cannot have moved anything before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...envs.core.rollouts import Decisions, Rollouts
from .distances import Kernel, absolute, gaussian, squashed, width_of
from .feedback import Feedback, feedback
from .options import KernelName

Floats = NDArray[np.float64]
FLOW_WIDTH = 0.3  # of log orders per step, below which differences are small
FREE_FLOW = 0.7  # of the same: between half and twice the recorded rate, orders are free


def kernel_of(name: KernelName, width: float) -> Kernel:
    """A kernel by name, σ its width."""
    if name == "energy":
        return absolute
    return gaussian(width) if name == "gaussian" else squashed(width)


def witness(world: Feedback, real: Feedback, kernel: Kernel) -> Floats:
    """w of every value of every world rollout, ``(R, m)``; its own rollout is left out."""
    rollouts = len(world)
    own = kernel(world.values[:, :, None, None], world.values[None, None, :, :])
    own *= world.weights[None, None, :, :]
    by_rollout = own.sum(axis=3)  # (R, m, R)
    at = np.arange(rollouts)
    others = (by_rollout.sum(axis=2) - by_rollout[at, :, at]) / max(1, rollouts - 1)
    used = real.weights.ravel() > 0
    values, weights = real.values.ravel()[used], real.weights.ravel()[used]
    across = kernel(world.values[:, :, None], values[None, None, :]) @ weights / len(real)
    return np.asarray(others - across)


class Witness:
    """Costs of what world rollouts show, against a real sample that stays the same.

    Args:
        real: the real rollouts.
        feedbacks: outcomes that are compared, whose witnesses are summed.
        kernel: name of the kernel; σ is the median distance in the real sample.
        whole: compare the mean over a rollout, as the paper does, and not every step.
    """

    def __init__(
        self,
        real: Rollouts,
        feedbacks: tuple[str, ...],
        kernel: KernelName = "squashed",
        whole: bool = False,
    ):
        self._estimator: Literal["hajek", "bag"] = "hajek" if whole else "bag"
        self._real: Mapping[str, Feedback] = {
            name: feedback(real, name, self._estimator) for name in feedbacks
        }
        self._kernels = {n: kernel_of(kernel, width_of(f)) for n, f in self._real.items()}

    def raw_costs(self, world: Rollouts) -> Floats:
        """Cost of what is seen after every step, ``(R, T)``."""
        total = np.zeros(world.treated.shape)
        for name, real in self._real.items():
            total = total + witness(self._seen(world, name), real, self._kernels[name])
        if self._estimator == "bag":
            total = np.where(world.treated, total, 0.0)
        else:  # one number, which is all known after the last step alone
            total[:, :-1] = 0.0
        return np.asarray(total)

    def _seen(self, world: Rollouts, name: str) -> Feedback:
        """Every rollout's own, also of those in which the agent never acted."""
        if self._estimator == "hajek":
            return feedback(world, name, self._estimator)
        acted = np.maximum(world.treated.sum(axis=1, keepdims=True), 1)
        return Feedback(world.outcomes[name], world.treated / acted)


class FlowCost:
    """What the number of orders of a step costs: the metric does not see it, and finds bursts.

    Args:
        usual: orders of a step of the real market, as recorded.
        weight: beside the witness of one feedback; 0: orders are free.
    """

    def __init__(self, usual: float, weight: float):
        self._usual, self._weight = usual, weight

    def __call__(self, decisions: Decisions, world: Rollouts, share: float) -> Floats:
        """``(R, T)``, from decisions of which a share was logged."""
        counts = np.zeros(world.treated.shape)
        np.add.at(counts, (decisions.rollout, decisions.step), 1.0)
        away = np.log((counts + 1.0) / (share * self._usual + 1.0))
        too_far = np.maximum(np.abs(away) - FREE_FLOW, 0.0)
        return np.asarray(self._weight * too_far / FLOW_WIDTH)


def standardised(costs: Floats) -> Floats:
    """Less the mean over rollouts at every step, over the deviation of all."""
    centred = costs - costs.mean(axis=0)
    return np.asarray(centred / (centred.std() or 1.0))


def costs_to_go(costs: Floats, discount: float) -> Floats:
    """Σ_{s ≥ t} γ^{s−t} w_s, ``(R, T)`` to ``(R, T)``."""
    found = costs.copy()
    for step in range(costs.shape[1] - 2, -1, -1):
        found[:, step] += discount * found[:, step + 1]
    return found


def witness_gradient(
    values: Floats, real: Floats, scores: Floats, kernel: Kernel, baseline: bool = True
) -> Floats:
    """The gradient of MMD² where a rollout is one number, for laws with known scores.

    Args:
        values: of the world, ``(n,)``.
        real: ``(m,)``.
        scores: ∇ log p of every value, ``(n, d)``.
        kernel: k.
        baseline: take the mean witness off.

    Returns:
        ``(d,)``.
    """
    cost = witness(Feedback.of_numbers(values), Feedback.of_numbers(real), kernel)[:, 0]
    return 2.0 * ((cost - cost.mean() * baseline)[:, None] * scores).mean(axis=0)
