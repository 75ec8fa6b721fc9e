"""Which networks an experiment has, and what each of them is built from."""

from __future__ import annotations

import math
import zlib
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import Box

from ...envs.core.group import LEADER
from ...leaders.policy.options import PPOOptions
from ..experiments.experiment import Experiment
from .actions import from_action_space
from .turns import Turns


def module_settings(experiment: Experiment, name: str) -> PPOOptions:
    """The options of one module."""
    if name == LEADER and experiment.leader.policy is not None:
        return experiment.leader.policy
    return experiment.followers_of(name)


def model_config(experiment: Experiment, name: str) -> dict[str, Any]:
    """What `ActorCritic` reads."""
    settings = module_settings(experiment, name)
    return {
        "seed": zlib.crc32(f"{name}/{experiment.seed}".encode()),
        "hidden_layers": list(settings.hidden_layers),
        "activation": settings.activation,
        "initial_action": _initial_action(experiment, name),
        "value_scale": settings.value_scale,
        "initial_action_deviation": settings.initial_action_deviation,
        "deviation_schedule": _deviation_schedule(experiment, settings, name == LEADER),
    }


def _initial_action(experiment: Experiment, name: str) -> list[float] | None:
    """The mean action a module starts with, on the normalised scale; None for its middle."""
    if name == LEADER and (policy := experiment.leader.policy) is not None:
        if policy.initial_theta is None or policy.largest_step is not None:
            return None
        characteristics = experiment.market.characteristics
        start = characteristics.to_unit(characteristics.validate(policy.initial_theta)[0])
        return (2.0 * start - 1.0).tolist()
    followers = experiment.followers_of(name)
    if followers.initial_action is None:
        return None
    (space,) = (g.action_space for g in experiment.market.groups if g.name == name)
    assert isinstance(space, Box)
    action = np.array(followers.initial_action)
    return from_action_space(action, space, followers.action_bounds).tolist()


def _deviation_schedule(
    experiment: Experiment, settings: PPOOptions, leads: bool
) -> list[list[float]] | None:
    """Ends of the geometric decay of exploration, (environment steps, log deviation)."""
    if settings.final_action_deviation is None:
        return None
    first, last = steps_of(experiment, leads)
    return [
        [first, math.log(settings.initial_action_deviation)],
        [last, math.log(settings.final_action_deviation)],
    ]


def steps_of(experiment: Experiment, leads: bool) -> tuple[int, int]:
    """First and last environment step at which a module learns: a leader's second phase, or all."""
    training = experiment.training
    per_iteration = training.copies * training.rollout_steps * max(1, training.env_runners)
    first = training.pretrain_iterations * per_iteration if leads else 0
    last = (training.pretrain_iterations + training.iterations) * per_iteration
    return first, max(last, first + 1)


def module_spaces(experiment: Experiment) -> dict[str, tuple[gym.Space, gym.Space]]:
    """Observation and (normalised) action space of every module."""
    market = experiment.market
    spaces: dict[str, tuple[gym.Space, gym.Space]] = {}
    for group in market.groups:
        action = group.action_space
        if isinstance(action, gym.spaces.Box):
            action = gym.spaces.Box(-1.0, 1.0, action.shape, np.float32)
        spaces[group.name] = (group.observation_space, action)
    if experiment.leader.policy is not None:
        action = gym.spaces.Box(-1.0, 1.0, (len(market.characteristics),), np.float32)
        spaces[LEADER] = (Turns(market, experiment.leader.policy).observation_space, action)
    return spaces
