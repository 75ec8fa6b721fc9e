"""PPO's loss and its gradient by the weights of an actor-critic, written out.

Automatic differentiation records and walks a graph of some sixty operations per minibatch, and with
networks as small as these that takes longer than the arithmetic. A test holds the result to RLlib's
own learner. Letters: n rows of a minibatch, A action entries.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..policies.distributions import Likelihood, divergence, divergence_gradient, likelihood
from ..policies.network import ActorCritic, FastTanh, Relu, Silu
from . import columns as names
from .columns import INFORMATION_PRICE, Columns

IN_PLACE = (FastTanh, Relu)


@dataclass(frozen=True)
class LossOptions:
    """What weighs the terms of the loss.

    Attributes:
        clip: of the probability ratio, ε in PPO.
        value_coefficient: of the squared value error.
        entropy_coefficient: of the entropy bonus, beside prices of information in the batch.
        kl_coefficient: of KL(sampling policy ‖ trained policy); None leaves it out.
    """

    clip: float
    value_coefficient: float
    entropy_coefficient: float
    kl_coefficient: float | None


@torch.no_grad()
def write_gradient(
    module: ActorCritic, part: Columns, options: LossOptions, report: bool
) -> dict[str, float]:
    """Set the gradient of a module's parameters to that of the mean loss over a minibatch.

    Args:
        module: its parameters must have gradient buffers, which are overwritten.
        part: columns of the minibatch, each ``(n, …)``.
        options: weights of the terms.
        report: whether the terms of the loss are wanted.

    Returns:
        The terms, name -> mean over the minibatch, and the share of clipped rows; empty without
        `report`.
    """
    terms = write_gradient_of(module, part, options, report)
    return {name: float(term) for name, term in terms.items()}


@torch.no_grad()
def write_gradient_of(
    module: ActorCritic, part: Columns, options: LossOptions, report: bool
) -> dict[str, Tensor]:
    """The same, without waiting for a device: the terms are tensors of one number."""
    assert module.critic is not None
    actor = forward(module.actor, part[names.OBSERVATIONS])
    critic = forward(module.critic, part[names.OBSERVATIONS])
    inputs, discrete = module.with_deviations(actor[-1]), module.log_deviation is None
    policy = likelihood(inputs, part[names.ACTIONS], discrete)
    ratio = (policy.log_probability - part[names.LOG_PROBABILITY]).exp()
    targets = part[names.VALUE_TARGETS].unsqueeze(-1)
    scale = module.value_scale
    missed = (critic[-1] * scale - targets) / scale

    of_inputs = _policy_gradient(policy, ratio, part, options)
    terms = _terms(policy, ratio, missed, part, options.clip) if report else {}
    if options.kl_coefficient is not None:
        old = part[names.DISTRIBUTION_INPUTS]
        change = divergence_gradient(old, inputs, discrete)
        of_inputs.add_(change, alpha=options.kl_coefficient / len(ratio))
        if report:
            terms[names.MEAN_KL] = divergence(old, inputs, discrete).mean()
    if module.log_deviation is not None:
        of_inputs, of_deviation = of_inputs.chunk(2, dim=-1)
        if module.log_deviation.requires_grad:
            torch.sum(of_deviation, 0, out=module.log_deviation.grad)
    backward(module.actor, actor, of_inputs)
    # The chain rule through `missed`, in the order in which automatic differentiation rounds.
    of_value = missed * (2.0 * options.value_coefficient / len(ratio)) / scale * scale
    backward(module.critic, critic, of_value)
    return terms


def forward(network: nn.Sequential, inputs: Tensor) -> list[Tensor]:
    """What every linear layer of a network is given, and what the last one puts out.

    Args:
        network: linear layers with activations between them.
        inputs: ``(n, inputs)``.

    Returns:
        ``(n, width)`` each, one more than there are linear layers, and one before every activation
        that does not work in place.
    """
    kept = [inputs]
    for layer in network:
        if isinstance(layer, nn.Linear):
            kept.append(torch.addmm(layer.bias, kept[-1], layer.weight.t()))
        elif isinstance(layer, Silu):
            kept.append(layer.activate(kept[-1]))
        else:
            assert isinstance(layer, IN_PLACE)
            layer.activate_(kept[-1])
    return kept


def backward(network: nn.Sequential, kept: list[Tensor], gradient: Tensor) -> None:
    """Write the gradients of all layers' weights and biases into their buffers.

    Args:
        network: as for `forward`.
        kept: what `forward` returned; used up.
        gradient: of the loss by the output, ``(n, outputs)``.
    """
    inputs = kept.pop()  # of the next layer; there is none after the output
    for layer in reversed(network):
        if isinstance(layer, nn.Linear):
            inputs = kept.pop()
            torch.mm(gradient.t(), inputs, out=layer.weight.grad)
            torch.sum(gradient, 0, out=layer.bias.grad)
            if kept:
                gradient = gradient @ layer.weight
        elif isinstance(layer, Silu):
            gradient = layer.derivative(gradient, kept.pop())
        else:
            assert isinstance(layer, IN_PLACE)
            gradient = layer.derivative(gradient, inputs)


def _policy_gradient(
    policy: Likelihood, ratio: Tensor, part: Columns, options: LossOptions
) -> Tensor:
    """Of the clipped surrogate and what entropy costs, by the inputs of the distribution.

    Schulman et al. 2017 (PPO), eq. 7; `ratio` is ``(n,)``, the result as the inputs.
    """
    advantage, rows = part[names.ADVANTAGES], len(ratio)
    clipped = ratio.clamp(1.0 - options.clip, 1.0 + options.clip)
    # A product, so that a value that is not finite stays one.
    followed = (advantage * ratio <= advantage * clipped).to(ratio.dtype)
    of_log_probability = advantage * (-1.0 / rows) * ratio * followed
    of_entropy = None
    if INFORMATION_PRICE in part:
        of_entropy = part[INFORMATION_PRICE] * (-1.0 / rows)
    if options.entropy_coefficient:
        bonus = torch.full_like(ratio, -options.entropy_coefficient / rows)
        of_entropy = bonus if of_entropy is None else of_entropy + bonus
    return policy.gradient(of_log_probability, of_entropy)


def _terms(
    policy: Likelihood, ratio: Tensor, missed: Tensor, part: Columns, clip: float
) -> dict[str, Tensor]:
    """What is reported of the loss, as means over the minibatch."""
    advantage = part[names.ADVANTAGES]
    clipped = ratio.clamp(1.0 - clip, 1.0 + clip)
    terms = {
        names.POLICY_LOSS: -torch.min(advantage * ratio, advantage * clipped),
        names.VALUE_LOSS: missed.square(),
        names.ENTROPY: policy.entropy,
        names.CLIPPED_SHARE: (ratio != clipped).to(ratio.dtype),
    }
    return {name: term.mean() for name, term in terms.items()}
