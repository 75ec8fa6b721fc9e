"""The fit of a family to loss and prior, one step at a time: draw, be told, learn."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor

from .posterior import make_family
from .recipes import Estimator, Family, Recipe

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Told:
    """What the draws of an iteration are worth.

    Attributes:
        rows: of the draws, those that have a finite loss, ``(m,)`` integers.
        losses: theirs, ``(m,)``.
        slopes: derivative of the loss by the draw, ``(m, k)``; for ``pathwise``.
    """

    rows: NDArray[np.int64]
    losses: Floats
    slopes: Floats | None


class Fit:
    """Fits q, in units of the prior, so that the prior is N(0, I).

    What is minimised is loss + KL / w, so that steps do not depend on the size of w.

    Args:
        family, estimator, recipe: see `recipes`.
        draws: that are measured in an iteration, J.
        number: of coordinates, k.
        seed: of weights and draws.
        iterations: length of the fit.

    Attributes:
        network: the family as it is now.
        mean: of the draws of the last step, ``(k,)``.
    """

    def __init__(
        self,
        family: Family,
        estimator: Estimator,
        recipe: Recipe,
        draws: int,
        number: int,
        seed: int,
        iterations: int,
    ):
        self._estimator, self._recipe = estimator, recipe
        self._draws, self._iterations = draws, max(1, iterations)
        self.network: Any = make_family(family, number, recipe.masks, seed)
        self._generator = np.random.default_rng((seed, 1))
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            betas=(0.9, recipe.scale_memory),
            fused=True,
        )
        self._kept: list[Tensor] = []  # the mean of the last weights, or the best ones
        self._averaged = self._done = 0
        self._least = math.inf
        self._drawn: tuple[Tensor, Tensor] | None = None
        self.mean = np.zeros(number)

    def begin_at(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take over the weights of another fit, by their names."""
        self.network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.items()})

    def draw(self) -> Floats:
        """Points whose loss is wanted, ``(J, k)``; their graph is kept until `learn`."""
        needed = max(self._recipe.kl_draws, self._draws)
        shape = (needed, self.network.number)
        if self._recipe.antithetic:
            half = self._generator.standard_normal((-(-needed // 2), shape[1]))
            base = np.concatenate([half, -half])[:needed]
        else:
            base = self._generator.standard_normal(shape)
        self._drawn = self.network(torch.from_numpy(base))
        return self._drawn[0][: self._draws].detach().numpy()

    def learn(self, told: Told, w: float) -> tuple[float, float]:
        """Take a step; returns mean loss and KL divergence before it."""
        assert self._drawn is not None
        (points, density), self._drawn = self._drawn, None
        kept = torch.isfinite(density.detach()) & torch.isfinite(points.detach()).all(dim=1)
        divergence = self.network.divergence(points[kept], density[kept])
        self.mean = points.detach()[kept].numpy().mean(axis=0)
        losses = torch.from_numpy(told.losses)
        target = self._loss(points[told.rows], losses, told) + divergence / w
        found = float(losses.mean()), float(divergence.detach())
        self._keep_if_best(found[0] + found[1] / w)
        self._step(target)
        self._average()
        return found

    def _loss(self, points: Tensor, losses: Tensor, told: Told) -> Tensor:
        """A number whose gradient by the weights is that of the expected loss."""
        if self._estimator == "pathwise":
            assert told.slopes is not None
            return (torch.from_numpy(told.slopes) * points).sum(dim=1).mean()
        baseline: Any = self._recipe.baseline
        if baseline == "others":
            baseline = (losses.sum() - losses) / max(1, len(losses) - 1)
        return ((losses - baseline) * self.network.log_prob(points.detach())).mean()

    def _step(self, target: Tensor) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        self._optimizer.zero_grad()
        target.backward()
        parameters = self._parameters
        norm = torch.nn.utils.clip_grad_norm_(parameters, self._recipe.gradient_clip)
        if bool(torch.isfinite(norm)):
            self._optimizer.step()
        self._done += 1

    def _rate(self) -> float:
        recipe = self._recipe
        if self._done < recipe.warm_up:
            return recipe.learning_rate * (self._done + 1) / recipe.warm_up
        if not recipe.cosine:
            return recipe.learning_rate
        rest = max(1, self._iterations - recipe.warm_up)
        share = min(1.0, (self._done - recipe.warm_up) / rest)
        return recipe.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))

    @property
    def _parameters(self) -> list[Tensor]:
        return list(self.network.parameters())

    def _keep_if_best(self, loss: float) -> None:
        if self._recipe.keep_best and loss < self._least:
            self._least = loss
            self._kept = [parameter.detach().clone() for parameter in self._parameters]

    def _average(self) -> None:
        share = self._recipe.averaged_share
        if not share or self._done <= (1.0 - share) * self._iterations:
            return
        self._averaged += 1
        if not self._kept:
            self._kept = [torch.zeros_like(parameter) for parameter in self._parameters]
        for mean, parameter in zip(self._kept, self._parameters, strict=True):
            mean += (parameter.detach() - mean) / self._averaged

    def result(self) -> Any:
        """The network with the weights that the recipe ends with, apart from those in training."""
        found = make_copy(self.network)
        if self._kept:
            for parameter, kept in zip(found.parameters(), self._kept, strict=True):
                parameter.data.copy_(kept)
        return found

    # Going on -------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that changes; tensors as the text of a safetensors file."""
        tensors = {f"weights/{n}": p.detach() for n, p in enumerate(self._parameters)}
        tensors |= {f"kept/{n}": kept for n, kept in enumerate(self._kept)}
        for number, moments in self._optimizer.state_dict()["state"].items():
            tensors |= {f"moments/{number}/{name}": value for name, value in moments.items()}
        return {
            "tensors": base64.b64encode(save(tensors)).decode("ascii"),
            "averaged": self._averaged,
            "done": self._done,
            "least": None if math.isinf(self._least) else self._least,
            "generator": self._generator.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        tensors = load(base64.b64decode(state["tensors"]))
        moments: dict[int, dict[str, Tensor]] = {}
        kept: dict[int, Tensor] = {}
        for name, value in tensors.items():
            kind, number, *rest = name.split("/")
            if kind == "weights":
                self._parameters[int(number)].data.copy_(value)
            elif kind == "kept":
                kept[int(number)] = value
            else:
                moments.setdefault(int(number), {})[rest[0]] = value
        self._kept = [kept[number] for number in range(len(kept))]
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self._averaged, self._done = state["averaged"], state["done"]
        self._least = math.inf if state["least"] is None else state["least"]
        self._generator.bit_generator.state = state["generator"]


def make_copy(network: Any) -> Any:
    """A network with weights of its own and no gradients."""
    import copy

    found = copy.deepcopy(network)
    for parameter in found.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    return found
