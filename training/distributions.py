"""Action distributions as plain tensor functions of the network's outputs.

RLlib's distribution objects cost a fifth of an update with a hundred logits; these functions are
the same mathematics on the inputs alone. Letters: n rows, K logits, A action entries.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class Sample(NamedTuple):
    """Drawn actions with what learning needs of them.

    Attributes:
        actions: ``(n,)`` integers or ``(n, A)`` on the normalised scale.
        log_probability: ``(n,)``.
        information: KL(π(·|o) ‖ uniform) in nats, ``(n,)``; None if it was not asked for.
    """

    actions: Tensor
    log_probability: Tensor
    information: Tensor | None


def sample(
    inputs: Tensor, discrete: bool, generator: torch.Generator, with_information: bool = False
) -> Sample:
    """Draw one action per row."""
    if not discrete:
        mean, log_deviation = inputs.chunk(2, dim=-1)
        noise = torch.randn(mean.shape, generator=generator)
        log_probability = (-0.5 * noise * noise - log_deviation - HALF_LOG_TWO_PI).sum(-1)
        # Half of every row is strided, and exp of a strided tensor takes ten times as long.
        deviation = log_deviation.contiguous().exp()
        return Sample(mean + deviation * noise, log_probability, None)
    probabilities = torch.softmax(inputs, dim=-1)
    cumulative = probabilities.cumsum(-1)
    drawn = torch.rand((len(inputs), 1), generator=generator) * cumulative[:, -1:]
    actions = torch.searchsorted(cumulative, drawn, right=True).clamp_(max=inputs.shape[-1] - 1)
    chosen = probabilities.gather(-1, actions).log_().squeeze(-1)
    information = None
    if with_information:
        # Σ p log p = Σ p z − log Σ exp z, and the last term is z − log p of any action.
        normaliser = inputs.gather(-1, actions).squeeze(-1) - chosen
        information = torch.linalg.vecdot(probabilities, inputs) - normaliser
        information = information + math.log(inputs.shape[-1])
    return Sample(actions.squeeze(-1), chosen, information)


def most_likely(inputs: Tensor, discrete: bool) -> Tensor:
    """The mode of every row: ``(n,)`` integers, or the means ``(n, A)``."""
    return inputs.argmax(-1) if discrete else inputs.chunk(2, dim=-1)[0]


def log_probability_and_entropy(
    inputs: Tensor, actions: Tensor, discrete: bool
) -> tuple[Tensor, Tensor]:
    """Log-probability of the actions and exact entropy, each ``(n,)``, differentiable."""
    if discrete:
        return _Categorical.apply(inputs, actions)
    mean, log_deviation = inputs.chunk(2, dim=-1)
    standardised = (actions - mean) * (-log_deviation).exp()
    chosen = (-0.5 * standardised * standardised - log_deviation - HALF_LOG_TWO_PI).sum(-1)
    return chosen, (log_deviation + 0.5 + HALF_LOG_TWO_PI).sum(-1)


class _Categorical(torch.autograd.Function):
    """Log-probability of an action and entropy of a row of logits, with their derivatives.

    With p = softmax(z) and H the entropy, ∂ log p_a / ∂z = 1_a − p and ∂H/∂z = −p (log p + H):
    two passes over the logits, where automatic differentiation makes six.
    """

    @staticmethod
    def forward(context: Any, logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        log_probabilities = torch.log_softmax(logits, dim=-1)
        probabilities = log_probabilities.exp()
        actions = actions.unsqueeze(-1)
        entropy = -torch.linalg.vecdot(probabilities, log_probabilities)
        context.save_for_backward(log_probabilities, probabilities, actions, entropy)
        context.set_materialize_grads(False)
        return log_probabilities.gather(-1, actions).squeeze(-1), entropy

    @staticmethod
    @once_differentiable
    def backward(
        context: Any, of_chosen: Tensor | None, of_entropy: Tensor | None
    ) -> tuple[Tensor, None]:
        log_probabilities, probabilities, actions, entropy = context.saved_tensors
        chosen = torch.zeros_like(entropy) if of_chosen is None else of_chosen
        if of_entropy is None:
            gradient = probabilities * -chosen.unsqueeze(-1)
        else:
            shared = -(chosen + of_entropy * entropy).unsqueeze(-1)
            gradient = torch.addcmul(shared, log_probabilities, -of_entropy.unsqueeze(-1))
            gradient.mul_(probabilities)
        return gradient.scatter_add_(-1, actions, chosen.unsqueeze(-1)), None


def divergence(old: Tensor, new: Tensor, discrete: bool) -> Tensor:
    """KL(old ‖ new) of every row, ``(n,)``."""
    if discrete:
        old_log, new_log = torch.log_softmax(old, dim=-1), torch.log_softmax(new, dim=-1)
        return (old_log.exp() * (old_log - new_log)).sum(-1)
    old_mean, old_log_deviation = old.chunk(2, dim=-1)
    new_mean, new_log_deviation = new.chunk(2, dim=-1)
    variance = (2.0 * old_log_deviation).exp() + (old_mean - new_mean) ** 2
    ratio = variance * (-2.0 * new_log_deviation).exp()
    return (new_log_deviation - old_log_deviation + 0.5 * ratio - 0.5).sum(-1)
