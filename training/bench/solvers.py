"""Four PPOs on the followers of one market, each as fast as a small search makes it.

All have networks of 64×64 tanh, the same batches and four minibatches; what is searched are the
learning rate and the deviation of the first actions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from ...envs.core.market import Market
from ..experiments.experiment import Experiment
from ..loop.backends import backend_for
from ..policies import inference
from ..policies.actions import to_action_space
from ..policies.network import ActorCritic
from ..studies.speed import Solution
from .contenders import followers_alone
from .jax_race import JaxProcess

HIDDEN = (64, 64)
EPOCHS, MINIBATCHES, DISCOUNT = 4, 4, 0.99
Act = Callable[[NDArray[np.float32]], NDArray[Any]]
"""From observations ``(n, D)`` to the most likely actions, in the group's action space."""


class Recipe(NamedTuple):
    """What is searched.

    Attributes:
        rate: of learning.
        deviation: of the first actions, on the scale from −1 to 1; of no meaning to Discrete ones.
    """

    rate: float
    deviation: float


class Solver(Protocol):
    """A PPO under way."""

    def iterate(self) -> float | None:
        """Sample and learn once; processor seconds, where another process has spent them."""

    def act(self, seen: NDArray[np.float32]) -> NDArray[Any]:
        """See `Act`."""

    def stop(self) -> None:
        """Release what is held."""


def options(declared: Solution, market: Market, recipe: Recipe) -> dict[str, Any]:
    """Of followers, as an experiment has them."""
    (group,) = market.groups
    rows = declared.copies * declared.steps * group.size
    return {
        "hidden_layers": HIDDEN,
        "learning_rate": recipe.rate,
        "final_learning_rate": recipe.rate,
        "epochs": EPOCHS,
        "minibatch_size": max(rows // MINIBATCHES, 1),
        "discount": DISCOUNT,
        "initial_action_deviation": recipe.deviation,
        **({"information_cost": False} if group.information_cost else {}),
    }


class Ours:
    """The array path, or RLlib's stock route, in this process."""

    def __init__(
        self,
        route: Any,
        declared: Solution,
        market: Market,
        recipe: Recipe,
        seed: int,
    ):
        followers = options(declared, market, recipe)
        made: Experiment = followers_alone(
            market, route, declared.copies, declared.steps, **followers
        )
        self._backend = backend_for(replace(made, seed=seed))
        (self._group,) = market.groups

    def iterate(self) -> None:
        """See `Solver`."""
        self._backend.iterate()

    @torch.inference_mode()
    def act(self, seen: NDArray[np.float32]) -> NDArray[Any]:
        """See `Solver`."""
        module: ActorCritic = self._backend.modules[self._group.name]
        found = inference.outputs_of(module.actor, torch.from_numpy(seen)).numpy()
        return chosen(found, self._group.action_space)

    def stop(self) -> None:
        """See `Solver`."""
        self._backend.stop()


def chosen(outputs: NDArray[Any], space: Box | Discrete) -> NDArray[Any]:
    """The most likely actions of a network's outputs."""
    if isinstance(space, Discrete):
        return outputs.argmax(axis=-1)
    return to_action_space(outputs, space, "clipped")


class Jax:
    """The PPO that is one JAX program, in its own process."""

    def __init__(self, declared: Solution, market: Market, recipe: Recipe, seed: int):
        followers = options(declared, market, recipe)
        followers.pop("final_learning_rate")
        followers.pop("information_cost", None)
        task = {"market": declared.market, "options": dict(declared.options), "seed": seed}
        task |= {"copies": declared.copies, "steps": declared.steps}
        self._process = JaxProcess(task | followers)
        (self._group,) = market.groups

    def iterate(self) -> float:
        """See `Solver`."""
        return float(self._process.ask("1")["processor_seconds"])

    def act(self, seen: NDArray[np.float32]) -> NDArray[Any]:
        """See `Solver`."""
        layers = [
            [np.array(part) for part in layer] for layer in self._process.ask("actor")["actor"]
        ]
        values = seen.astype(np.float64)
        for weights, biases in layers[:-1]:
            values = np.tanh(values @ weights + biases)
        weights, biases = layers[-1]
        return chosen((values @ weights + biases).astype(np.float32), self._group.action_space)

    def stop(self) -> None:
        """See `Solver`."""
        self._process.stop()
