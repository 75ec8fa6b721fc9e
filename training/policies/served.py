"""Trained policies that act on NumPy alone: no Ray, no torch, and nothing is ever unpickled.

    policy = load_policy("runs/market_maker_preferences_seed_0")
    policy.act(observation, {"profit_weight": 0.3})       # (D,) -> one action
    policy.act(observations, draw=True, seed=1)           # (n, D) -> n actions

They decide what the policies of the run decide (`policies.Policies`), in the market's own units.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ...envs.core.errors import PacesetterError, unknown
from ...envs.core.market import Market
from ..experiments.experiment import Experiment
from ..experiments.settings import ActionBounds
from ..runs.machine import software_versions
from ..runs.run_folder import VERSIONS, RunFolder
from .actions import to_action_space
from .specification import LEADER, module_settings, module_spaces

Floats = NDArray[np.float32]
FOLDER = "policies"
COPIES_TO_COMPARE = 2  # of a market, to see whether all agents see the same of θ


def _silu(values: Floats) -> Floats:
    result: Floats = np.divide(values, 1.0 + np.exp(-values))
    return result


def _relu(values: Floats) -> Floats:
    return np.maximum(values, 0.0, out=values)


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "tanh": np.tanh,
    "relu": _relu,
    "silu": _silu,
}


class ServedPolicy:
    """The policy of one group, or of the leader, ready to act.

    Args:
        market: that it was trained in.
        name: of the group, or ``leader``.
        layers: weights ``(inputs, outputs)`` and biases of the actor, in order.
        activation: between layers.
        log_deviation: of a normal policy, ``(A,)``; None: the actions are discrete.
        bounds: how a normal policy's actions are kept within their Box.

    Attributes:
        market, name: as given.
        observation_space, action_space: of one agent; a leader's actions are θ.
        theta_names: what of θ the last entries of an observation are of.
    """

    def __init__(
        self,
        market: Market,
        name: str,
        layers: list[tuple[Floats, Floats]],
        activation: str,
        log_deviation: Floats | None,
        bounds: ActionBounds = "clipped",
    ):
        self.market, self.name, self.bounds = market, name, bounds
        self.layers, self.activation, self.log_deviation = layers, activation, log_deviation
        self.observation_space: Box
        self.action_space: Box | Discrete
        self.theta_names: tuple[str, ...] = ()
        if name == LEADER:
            self.observation_space = market.leader_observation_space
            self.action_space = market.characteristics.space
        else:
            (group,) = (one for one in market.groups if one.name == name)
            self.observation_space = group.observation_space
            self.action_space, self.theta_names = group.action_space, group.view
        self._width = self.observation_space.shape[0]
        self._last_view: tuple[Any, Any] = (None, None)

    def act(
        self,
        observation: ArrayLike,
        theta: ArrayLike | Mapping[str, float] | None = None,
        draw: bool = False,
        seed: int | np.random.Generator | None = None,
    ) -> Any:
        """The most likely action, or one that is drawn.

        Args:
            observation: of one agent ``(D,)``, or of many ``(n, D)``, as the market gives them.
            theta: what the agents are to see of the characteristics, in place of what the
                observation's last entries say: name -> value or ``(d,)`` for all, or ``(n, d)``.
            draw: as in training, instead of the most likely.
            seed: of the draws, or a generator that they go on with.

        Returns:
            an integer, ``(n,)`` integers, ``(A,)`` or ``(n, A)``, in the action space. Of a leader
            θ, ``(d,)`` or ``(n, d)``.

        Raises:
            PacesetterError: a wrong shape, a value that is no finite number, θ out of bounds, or θ
                in a market whose agents see a private draw of it.
        """
        outputs = self.outputs(observation, theta)
        if self.log_deviation is None:
            return self._choice(outputs, draw, seed)
        if draw:
            noise = np.random.default_rng(seed).standard_normal(outputs.shape, dtype=np.float32)
            outputs = np.add(outputs, np.exp(self.log_deviation) * noise)
        if self.name == LEADER:
            rows = outputs.reshape(-1, outputs.shape[-1])
            chosen = self.market.characteristics.from_action(rows)
            return chosen.reshape(outputs.shape)
        return to_action_space(outputs, self.action_space, self.bounds)

    def probabilities(
        self, observation: ArrayLike, theta: ArrayLike | Mapping[str, float] | None = None
    ) -> NDArray[np.float64]:
        """Of every discrete action, ``(K,)`` or ``(n, K)``.

        Raises:
            PacesetterError: the actions are not discrete; or see `act`.
        """
        if self.log_deviation is not None:
            raise PacesetterError(
                f"policy {self.name!r} chooses from {self.action_space}, where single numbers have "
                "no probability; `outputs` gives means, `log_deviation` how far draws spread."
            )
        return _softmax(self.outputs(observation, theta))

    def outputs(
        self, observation: ArrayLike, theta: ArrayLike | Mapping[str, float] | None = None
    ) -> Floats:
        """Logits ``(…, K)``, or means ``(…, A)`` on the scale in which the Box is [−1, 1].

        Raises:
            PacesetterError: see `act`.
        """
        values = self._checked(observation)
        if theta is not None:
            values = self._told(values, theta)
        activate, last = ACTIVATIONS[self.activation], len(self.layers) - 1
        for number, (weights, biases) in enumerate(self.layers):
            values = values @ weights
            values += biases
            if number < last:
                values = activate(values)
        return values

    def _checked(self, observation: ArrayLike) -> Floats:
        try:
            values = np.asarray(observation, dtype=np.float32)
        except (TypeError, ValueError):
            values = np.zeros(0, dtype=np.float32)
        if values.ndim not in (1, 2) or values.shape[-1] != self._width:
            raise PacesetterError(
                f"policy {self.name!r} of market {self.market.name!r}: an observation has "
                f"{self._width} entries, shape ({self._width},) or (n, {self._width}); got shape "
                f"{np.shape(values) if values.size else np.shape(np.asarray(observation, object))}."
            )
        if not np.isfinite(values).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise PacesetterError(
                f"policy {self.name!r} of market {self.market.name!r}: entry {place} of the "
                f"observation is {values[place]}, which is no finite number."
            )
        return values

    def _choice(self, logits: Floats, draw: bool, seed: int | np.random.Generator | None) -> Any:
        if not draw:
            chosen = logits.argmax(-1)
        else:
            cumulative = _softmax(logits).cumsum(-1)
            drawn = np.random.default_rng(seed).random((*logits.shape[:-1], 1))
            chosen = (cumulative <= drawn * cumulative[..., -1:]).sum(-1)
        return int(chosen) if logits.ndim == 1 else chosen

    # What agents see of θ -----------------------------------------------------------------------

    def _told(self, values: Floats, theta: ArrayLike | Mapping[str, float]) -> Floats:
        if not self.theta_names:
            raise PacesetterError(
                f"policy {self.name!r} of market {self.market.name!r} sees nothing of θ in its "
                "observations; leave θ out."
            )
        rows = len(values) if values.ndim == 2 else 1
        view = self._view(theta, rows)
        told = values.copy()
        told[..., -len(self.theta_names) :] = view if values.ndim == 2 else view[0]
        return told

    def _view(self, theta: ArrayLike | Mapping[str, float], rows: int) -> Floats:
        """What agents see of θ, ``(rows, k)``, or ``(1, k)`` if it is the same for all."""
        key = _key(theta)
        if key == self._last_view[0]:
            return self._last_view[1]
        checked = self.market.characteristics.validate(theta, rows)
        alike = bool((checked == checked[:1]).all())
        checked = checked[:1] if alike else checked
        if not self._everybody_sees_the_same:
            raise PacesetterError(
                f"agents of group {self.name!r} see a private draw of θ each, not θ itself; give "
                "what one sees as the last entries of its observation, and leave θ out."
            )
        state = self.market.reset(0, len(checked), checked)
        view = self.market.observe(state)[self.name][:, 0, -len(self.theta_names) :]
        self._last_view = (key, np.array(view, dtype=np.float32))
        return self._last_view[1]

    @cached_property
    def _everybody_sees_the_same(self) -> bool:
        state = self.market.reset(0, COPIES_TO_COMPARE)
        view = np.asarray(self.market.observe(state)[self.name])[..., -len(self.theta_names) :]
        return bool((view == view[:1, :1]).all())


def load_policy(
    run: str | Path, group: str | None = None, any_version: bool = False
) -> ServedPolicy:
    """A policy of a finished run, on NumPy alone.

    Args:
        run: the run folder.
        group: whose policy, or ``leader``; may be left out where there is one group.
        any_version: also of a run that another version of Pacesetter made, in which a market may
            mean something else.

    Raises:
        PacesetterError: the run is not finished, of another version, or has no such policy.
    """
    policies = load_policies(run, any_version)
    if group is not None:
        if group not in policies:
            raise unknown(f"policy of {run}", group, policies)
        return policies[group]
    groups = [name for name in policies if name != LEADER]
    if len(groups) != 1:
        raise PacesetterError(
            f"{run}: has the policies {', '.join(policies) or 'of nobody, as nobody learns'}; say "
            "which, load_policy(run, group)."
        )
    return policies[groups[0]]


def load_policies(run: str | Path, any_version: bool = False) -> dict[str, ServedPolicy]:
    """Every policy of a finished run, by group, and the leader's if it has one.

    Raises:
        PacesetterError: see `load_policy`.
    """
    folder = RunFolder.open(run)
    if not any_version:
        check_version(folder.path)
    return {
        name: _served(folder.experiment, name, folder.path / FOLDER / f"{name}.safetensors")
        for name in module_spaces(folder.experiment)
    }


def check_version(folder: Path) -> None:
    """Refuse a run that another version of Pacesetter made; the last digit may differ.

    Raises:
        PacesetterError: it did.
    """
    try:
        made = json.loads((folder / VERSIONS).read_text(encoding="utf-8"))["pacesetter"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PacesetterError(
            f"{folder / VERSIONS}: cannot be read ({error}), so it is not known which version made "
            "the policy; train again, or load it with any_version=True."
        ) from error
    here = software_versions()["pacesetter"]
    if made.split(".")[:2] != here.split(".")[:2]:
        raise PacesetterError(
            f"{folder}: was made by Pacesetter {made}, and this is {here}; a market may have "
            f"changed in between. Install pacesetter=={made}, train again, or, if the changelog "
            "says nothing of this market, load it with any_version=True."
        )


def _served(experiment: Experiment, name: str, path: Path) -> ServedPolicy:
    observation, action = module_spaces(experiment)[name]
    settings = module_settings(experiment, name)
    discrete = isinstance(action, Discrete)
    sizes = [
        observation.shape[0],
        *settings.hidden_layers,
        int(action.n) if isinstance(action, Discrete) else action.shape[0],
    ]
    try:
        stored = load_file(path)
        layers = []
        for number, (inputs, outputs) in enumerate(pairwise(sizes)):
            weights, biases = (stored[f"actor.{2 * number}.{part}"] for part in ("weight", "bias"))
            if weights.shape != (outputs, inputs) or biases.shape != (outputs,):
                raise ValueError(
                    f"layer {number} is {weights.shape}, and this experiment's is "
                    f"{(outputs, inputs)}"
                )
            layers.append((np.ascontiguousarray(weights.T), biases))
        log_deviation = None if discrete else stored["log_deviation"]
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise PacesetterError(
            f"{path}: the policy cannot be read ({error}). The run has not finished, or its "
            "config.yaml was changed, or the policy is of another market; resume it or train again."
        ) from error
    bounds: ActionBounds = "clipped"
    if name != LEADER:
        bounds = experiment.followers_of(name).action_bounds
    market = experiment.market
    return ServedPolicy(market, name, layers, settings.activation, log_deviation, bounds)


def _softmax(logits: Floats) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _key(theta: ArrayLike | Mapping[str, float]) -> Any:
    """Something to tell one θ from another by, cheaply."""
    if isinstance(theta, Mapping):
        return tuple(theta.items())
    array = np.asarray(theta)
    return array.shape, array.tobytes()
