"""Action distributions as plain tensor functions of the network's outputs.

RLlib's distribution objects cost a fifth of an update with a hundred logits; these functions are
the same mathematics on the inputs alone. Letters: n rows, K logits, A action entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

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
    if discrete:
        noise = torch.rand((len(inputs), 1), generator=generator)
    else:
        noise = torch.randn((len(inputs), inputs.shape[-1] // 2), generator=generator)
    return drawn(inputs, noise, discrete, with_information)


def drawn(inputs: Tensor, noise: Tensor, discrete: bool, with_information: bool = False) -> Sample:
    """The actions that given random numbers draw.

    Args:
        inputs: logits ``(n, K)``, or means and log deviations ``(n, 2 A)``.
        noise: uniforms on [0, 1), ``(n, 1)``, or standard normals, ``(n, A)``.
        discrete: whether inputs are logits.
        with_information: whether information is wanted.
    """
    if not discrete:
        mean, log_deviation = inputs.chunk(2, dim=-1)
        log_probability = log_probability_of_noise(noise, log_deviation)
        # Half of every row is strided, and exp of a strided tensor takes ten times as long.
        deviation = log_deviation.contiguous().exp()
        return Sample(mean + deviation * noise, log_probability, None)
    probabilities = torch.softmax(inputs, dim=-1)
    cumulative = probabilities.cumsum(-1)
    place = noise * cumulative[:, -1:]
    actions = torch.searchsorted(cumulative, place, right=True).clamp_(max=inputs.shape[-1] - 1)
    chosen = probabilities.gather(-1, actions).log_().squeeze(-1)
    information = None
    if with_information:
        # Σ p log p = Σ p z − log Σ exp z, and the last term is z − log p of any action.
        normaliser = inputs.gather(-1, actions).squeeze(-1) - chosen
        information = torch.linalg.vecdot(probabilities, inputs) - normaliser
        information = information + math.log(inputs.shape[-1])
    return Sample(actions.squeeze(-1), chosen, information)


def log_probability_of_noise(noise: Tensor, log_deviation: Tensor) -> Tensor:
    """Of normal actions whose standardised distance from their mean is the noise, ``(…, A)``."""
    return (-0.5 * noise * noise - log_deviation - HALF_LOG_TWO_PI).sum(-1)


def most_likely(inputs: Tensor, discrete: bool) -> Tensor:
    """The mode of every row: ``(n,)`` integers, or the means ``(n, A)``."""
    return inputs.argmax(-1) if discrete else inputs.chunk(2, dim=-1)[0]


class Likelihood(NamedTuple):
    """How likely a policy finds actions that were taken, and how that changes with its outputs.

    Attributes:
        log_probability, entropy: ``(n,)``.
        gradient: of a sum over rows of any function of the two; takes its derivatives by
            log-probability and by entropy, each ``(n,)``, and returns those by the inputs.
    """

    log_probability: Tensor
    entropy: Tensor
    gradient: Callable[[Tensor, Tensor | None], Tensor]


def likelihood(inputs: Tensor, actions: Tensor, discrete: bool) -> Likelihood:
    """Log-probability of the actions and exact entropy, with their derivatives by the inputs.

    Args:
        inputs: logits ``(n, K)``, or means and log deviations ``(n, 2 A)``.
        actions: ``(n,)`` integers or ``(n, A)`` on the normalised scale.
        discrete: whether inputs are logits.
    """
    return _categorical(inputs, actions) if discrete else _normal(inputs, actions)


def _categorical(logits: Tensor, actions: Tensor) -> Likelihood:
    """With p = softmax(z) and entropy H: ∂ log p_a / ∂z = 1_a − p and ∂H/∂z = −p (log p + H)."""
    log_probabilities = torch.log_softmax(logits, dim=-1)
    probabilities = log_probabilities.exp()
    columns = actions.unsqueeze(-1)
    entropy = -torch.linalg.vecdot(probabilities, log_probabilities)

    def gradient(of_chosen: Tensor, of_entropy: Tensor | None) -> Tensor:
        if of_entropy is None:
            result = probabilities * -of_chosen.unsqueeze(-1)
        else:
            shared = -(of_chosen + of_entropy * entropy).unsqueeze(-1)
            result = torch.addcmul(shared, log_probabilities, -of_entropy.unsqueeze(-1))
            result.mul_(probabilities)
        return result.scatter_add_(-1, columns, of_chosen.unsqueeze(-1))

    return Likelihood(log_probabilities.gather(-1, columns).squeeze(-1), entropy, gradient)


def _normal(inputs: Tensor, actions: Tensor) -> Likelihood:
    """With mean m, log deviation s, x = (a − m) e⁻ˢ: ∂ log p/∂m = x e⁻ˢ, ∂ log p/∂s = x² − 1."""
    mean, log_deviation = (half.contiguous() for half in inputs.chunk(2, dim=-1))
    precision = (-log_deviation).exp()
    standardised = (actions - mean) * precision
    log_probability = (-0.5 * standardised * standardised - log_deviation - HALF_LOG_TWO_PI).sum(-1)
    entropy = (log_deviation + (0.5 + HALF_LOG_TWO_PI)).sum(-1)

    def gradient(of_chosen: Tensor, of_entropy: Tensor | None) -> Tensor:
        of_chosen = of_chosen.unsqueeze(-1)
        of_mean = of_chosen * standardised * precision
        of_deviation = of_chosen * (standardised * standardised - 1.0)
        if of_entropy is not None:
            of_deviation += of_entropy.unsqueeze(-1)
        return torch.cat([of_mean, of_deviation], dim=-1)

    return Likelihood(log_probability, entropy, gradient)


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


def divergence_gradient(old: Tensor, new: Tensor, discrete: bool) -> Tensor:
    """Derivatives of `divergence` by the new inputs, ``(n, K)`` or ``(n, 2 A)`` as these."""
    if discrete:
        return torch.softmax(new, dim=-1) - torch.softmax(old, dim=-1)
    old_mean, old_log_deviation = old.chunk(2, dim=-1)
    new_mean, new_log_deviation = new.chunk(2, dim=-1)
    missed, precision = new_mean - old_mean, (-2.0 * new_log_deviation).exp()
    ratio = ((2.0 * old_log_deviation).exp() + missed * missed) * precision
    return torch.cat([missed * precision, 1.0 - ratio], dim=-1)
