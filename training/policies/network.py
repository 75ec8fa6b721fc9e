"""The networks: an actor and a separate critic, as plain torch modules."""

from __future__ import annotations

import math
from typing import Any

import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn


class FastTanh(nn.Module):
    """tanh as ``2 sigmoid(2x) − 1``, several times faster on a CPU than torch's own."""

    def forward(self, values: Tensor) -> Tensor:
        """Elementwise, any shape."""
        return _Tanh.apply(values)

    @staticmethod
    def activate_(values: Tensor) -> Tensor:
        """The same in place, for use without automatic differentiation."""
        if values.is_cuda:  # there torch's own is one pass over memory, and these are four
            return values.tanh_()
        return _tanh_of_half_(values.mul_(2.0))

    @staticmethod
    def derivative(gradient: Tensor, result: Tensor) -> Tensor:
        """The gradient by the values, from that by the result; all of one shape."""
        return torch.ops.aten.tanh_backward(gradient, result)


def _tanh_of_half_(doubled: Tensor) -> Tensor:
    return doubled.sigmoid_().mul_(2.0).sub_(1.0)


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        result = _tanh_of_half_(values * 2.0)
        context.save_for_backward(result)
        context.save_for_forward(result)
        return result

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return FastTanh.derivative(gradient, *context.saved_tensors)

    @staticmethod
    def jvp(context: Any, tangent: Tensor) -> Tensor:
        (result,) = context.saved_tensors
        return tangent * (1.0 - result * result)


class Relu(nn.ReLU):
    """max(x, 0), and its derivative written out."""

    @staticmethod
    def activate_(values: Tensor) -> Tensor:
        """The same in place, for use without automatic differentiation."""
        return values.relu_()

    @staticmethod
    def derivative(gradient: Tensor, result: Tensor) -> Tensor:
        """The gradient by the values, from that by the result; all of one shape."""
        return torch.ops.aten.threshold_backward(gradient, result, 0.0)


class Silu(nn.SiLU):
    """x σ(x): as smooth as tanh and as steep as relu, for who differentiates through a policy.

    Its derivative follows from what went in and not from what came out, as it is not monotone.
    """

    @staticmethod
    def activate(values: Tensor) -> Tensor:
        """The result beside the values."""
        return nn.functional.silu(values)

    @staticmethod
    def derivative(gradient: Tensor, values: Tensor) -> Tensor:
        """The gradient by the values, from that by the result; all of one shape."""
        return torch.ops.aten.silu_backward(gradient, values)


ACTIVATIONS: dict[str, type[FastTanh | Relu | Silu]] = {
    "tanh": FastTanh,
    "relu": Relu,
    "silu": Silu,
}
SMOOTH = ("tanh", "silu")
"""Those whose slope is one, too, where it is the policy's answer to θ that counts."""


def network(inputs: int, hidden: tuple[int, ...], outputs: int, activation: str) -> nn.Sequential:
    """A multilayer perceptron with orthogonal weights and zero biases."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [_linear(inputs, width, math.sqrt(2.0)), ACTIVATIONS[activation]()]
        inputs = width
    return nn.Sequential(*layers, _linear(inputs, outputs, 0.01))


def _linear(inputs: int, outputs: int, gain: float) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class ActorCritic(nn.Module):
    """Policy and value of one group (or of the leader).

    A `Discrete` action space gets logits; a `Box` gets a normal distribution on actions scaled to
    [−1, 1], with a mean from the network and one deviation per entry, learned or scheduled.

    Args:
        observation_space: of one agent, ``(D,)``.
        action_space: of one agent, scaled.
        model_config: the options ``seed``, ``hidden_layers``, ``activation``, ``value_scale``,
            ``initial_action`` (scaled, or None for the middle), ``initial_action_deviation``, and
            ``deviation_schedule``: (environment steps, log deviation) at its two ends, or None for
            a deviation that is learned.
        inference_only: leave the critic out.
    """

    def __init__(
        self,
        observation_space: Box,
        action_space: Box | Discrete,
        model_config: dict[str, Any],
        inference_only: bool = False,
    ):
        super().__init__()
        self.build(observation_space, action_space, model_config, inference_only)

    def build(
        self,
        observation_space: Any,
        action_space: Any,
        model_config: dict[str, Any],
        inference_only: bool,
    ) -> None:
        """Make actor and critic, with weights that depend on the seed in `model_config` alone."""
        self.value_scale: float = model_config["value_scale"]
        self.deviation_schedule: list[list[float]] | None = model_config["deviation_schedule"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(model_config["seed"])
            self._make(observation_space.shape[0], action_space, model_config, inference_only)

    def _make(
        self, inputs: int, action_space: Any, options: dict[str, Any], inference_only: bool
    ) -> None:
        hidden, activation = tuple(options["hidden_layers"]), options["activation"]
        if isinstance(action_space, Discrete):
            self.actor = network(inputs, hidden, int(action_space.n), activation)
            self.log_deviation = None
        else:
            assert isinstance(action_space, Box)
            entries = action_space.shape[0]
            self.actor = network(inputs, hidden, entries, activation)
            if options["initial_action"] is not None:
                with torch.no_grad():
                    list(self.actor.parameters())[-1].copy_(torch.tensor(options["initial_action"]))
            start = math.log(options["initial_action_deviation"])
            self.log_deviation = nn.Parameter(
                torch.full((entries,), start), requires_grad=not options["deviation_schedule"]
            )
        self.critic = None if inference_only else network(inputs, hidden, 1, activation)

    def distribution_inputs(self, observations: Tensor) -> Tensor:
        """Logits ``(n, actions)``, or means and log deviations ``(n, 2 A)``."""
        return self.with_deviations(self.actor(observations))

    def with_deviations(self, outputs: Tensor) -> Tensor:
        """Outputs of the actor as inputs of its distribution.

        Logits ``(n, actions)`` pass; means ``(n, A)`` get their log deviations beside them,
        ``(n, 2 A)``.
        """
        if self.log_deviation is None:
            return outputs
        return torch.cat([outputs, self.log_deviation.expand_as(outputs)], dim=-1)

    def schedule_deviation(self, steps: int) -> None:
        """Set the deviation to what it is after so many environment steps, if it is scheduled."""
        if self.deviation_schedule and self.log_deviation is not None:
            (first, start), (last, end) = self.deviation_schedule
            share = min(max((steps - first) / (last - first), 0.0), 1.0)
            self.log_deviation.data.fill_(start + share * (end - start))

    def values(self, observations: Tensor) -> Tensor:
        """State values, ``(n,)``; only where there is a critic."""
        assert self.critic is not None
        return self.critic(observations).squeeze(-1) * self.value_scale
