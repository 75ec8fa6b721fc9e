"""RLlib's PPO, configured from an experiment through public options alone."""

from __future__ import annotations

import logging
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import ray
import torch
from gymnasium.spaces import Box
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from ..envs.dotted import IMPORTED
from ..envs.errors import PacesetterError
from ..leaders.ppo import PPOLeader
from .acting import from_action_space
from .advantages import ArrayAdvantages
from .experiment import Experiment
from .learner import ArrayPPOLearner
from .modules import ActorCritic
from .runner import LEADER, GameRunner, module_spaces
from .settings import FollowerSettings

GEOMETRIC_POINTS = 33
USAGE_REPORTS = "RAY_USAGE_STATS_ENABLED"
STARTS = 2  # attempts to start Ray here


def start_ray(experiment: Experiment, address: str | None = None) -> None:
    """Connect to a cluster, or start Ray here, without a dashboard and with a small store.

    A Ray that runs in this process already is used, if it has a core for every worker: without
    one Ray would wait for ever.

    Args:
        experiment: says how many workers are wanted.
        address: of a running cluster, or ``auto``; None starts Ray here.

    Raises:
        PacesetterError: the cluster cannot be reached or has too few cores, or Ray does not start.
    """
    torch.set_num_threads(experiment.training.torch_threads)
    if not ray.is_initialized():
        with _nothing_reported():
            _initialise_ray(experiment, address)
    workers = experiment.training.env_runners + experiment.training.learners
    cores = int(ray.cluster_resources().get("CPU", 0))
    if cores < workers:
        raise PacesetterError(
            f"training.env_runners and training.learners ask for {workers} workers, one core each, "
            f"but Ray has {cores} core(s). Lower them, add machines to the cluster, or call "
            "ray.shutdown() if an earlier run in this process started Ray for fewer."
        )


@contextmanager
def _nothing_reported() -> Iterator[None]:
    """Ray, and the processes that it starts within, report nothing to the outside.

    They look at the environment once, when they start. What the user has set there holds.
    """
    if USAGE_REPORTS in os.environ:
        yield
        return
    os.environ[USAGE_REPORTS] = "0"
    try:
        yield
    finally:
        os.environ.pop(USAGE_REPORTS, None)


def _initialise_ray(experiment: Experiment, address: str | None) -> None:
    workers = experiment.training.env_runners + experiment.training.learners
    common: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if workers and (folders := sorted(filter(None, set(IMPORTED.values())))):
        # Workers have the current folder on their import path, but not what this process added.
        path = os.pathsep.join([*folders, "${PYTHONPATH}"])
        common["runtime_env"] = {"env_vars": {"PYTHONPATH": path}}
    if address is None:
        _start_here(
            # Without an address Ray looks for one in RAY_ADDRESS and in its folder of sessions.
            address="local",
            num_cpus=workers + 1,
            include_dashboard=False,
            object_store_memory=experiment.training.object_store_megabytes * 2**20,
            _node_ip_address="127.0.0.1",
            **common,
        )
        return
    try:
        ray.init(address=address, **common)
    except ConnectionError as error:
        raise PacesetterError(
            f"no Ray cluster answers at {address!r} ({error}). Start one with 'ray start --head', "
            "or leave out --address to run on this machine."
        ) from error


def _start_here(**options: Any) -> None:
    """Start Ray on this machine; a busy one may miss Ray's time limits once."""
    for attempt in range(STARTS):
        try:
            ray.init(**options)
            return
        except ValueError:  # an option at fault, which is so again
            raise
        except Exception as error:  # Ray raises that very class where a process is late
            ray.shutdown()
            if attempt == STARTS - 1:
                reason = (str(error) or type(error).__name__).splitlines()[0]
                raise PacesetterError(
                    f"Ray did not start on this machine, in {STARTS} attempts ({reason}). It needs "
                    "a few seconds of processor time, a gigabyte of memory and room in /tmp; end "
                    "what keeps the machine busy and start again, or name a running cluster with "
                    "--address."
                ) from error


def build(experiment: Experiment) -> PPO:
    """The algorithm, ready to train."""
    if experiment.training.route == "stock":
        from .stock import stock_config

        return stock_config(experiment).build_algo()
    return array_config(experiment).build_algo()


def array_config(experiment: Experiment) -> PPOConfig:
    """The array path: our runner, connector and learner around RLlib's own training step."""
    gae = {
        name: (options["gamma"], options["lambda_"])
        for name, options in module_options(experiment).items()
    }
    # Modules have their own minibatches; RLlib's default warns of batches that are smaller.
    config = common_config(experiment).training(minibatch_size=None)
    return config.env_runners(
        env_runner_cls=GameRunner,
        num_env_runners=experiment.training.env_runners,
        num_envs_per_env_runner=experiment.training.copies,
        rollout_fragment_length=experiment.training.rollout_steps,
        create_env_on_local_worker=False,
    ).learners(
        num_learners=experiment.training.learners,
        learner_class=ArrayPPOLearner,
        learner_connector=lambda observation_space, action_space, device=None: ArrayAdvantages(gae),
        add_default_connectors_to_learner_pipeline=False,
    )


def common_config(experiment: Experiment) -> PPOConfig:
    """What the array path and RLlib's stock path share: modules, their options, batch, seeds."""
    training = experiment.training
    spaces, options = module_spaces(experiment), module_options(experiment)
    specs = {
        name: RLModuleSpec(
            module_class=ActorCritic,
            observation_space=observation,
            action_space=action,
            model_config=model_config(experiment, name),
        )
        for name, (observation, action) in spaces.items()
    }
    steps = training.copies * training.rollout_steps * max(1, training.env_runners)
    return (
        PPOConfig()
        .environment(
            "pacesetter", env_config={"experiment": experiment.bound()}, disable_env_checking=True
        )
        .framework("torch")
        .multi_agent(
            policies=list(spaces),
            policy_mapping_fn=lambda agent, *args, **kwargs: module_of(agent),
            policies_to_train=list(spaces),
        )
        .rl_module(
            rl_module_spec=MultiRLModuleSpec(rl_module_specs=specs),
            algorithm_config_overrides_per_module={
                name: PPOConfig.overrides(**one) for name, one in options.items()
            },
        )
        .training(train_batch_size_per_learner=steps // max(1, training.learners))
        .fault_tolerance(restart_failed_env_runners=True, delay_between_env_runner_restarts_s=1.0)
        .debugging(log_level="ERROR", log_sys_usage=False, seed=experiment.seed)
        .experimental(_validate_config=False)
    )


def module_of(agent: str) -> str:
    """The module of an agent: its group, by the part of its name before the number."""
    if agent == LEADER:
        return LEADER
    return agent.rpartition("_")[0]


def module_settings(experiment: Experiment, name: str) -> FollowerSettings | PPOLeader:
    """The options of one module."""
    if name == LEADER and isinstance(experiment.leader, PPOLeader):
        return experiment.leader
    return experiment.followers


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
    followers, leader = experiment.followers, experiment.leader
    if name == LEADER:
        assert isinstance(leader, PPOLeader)
        if leader.initial_theta is None:
            return None
        characteristics = experiment.market.characteristics
        start = characteristics.to_unit(characteristics.validate(leader.initial_theta)[0])
        return (2.0 * start - 1.0).tolist()
    if followers.initial_action is None:
        return None
    (space,) = (g.action_space for g in experiment.market.groups if g.name == name)
    assert isinstance(space, Box)
    action = np.array(followers.initial_action)
    return from_action_space(action, space, followers.action_bounds).tolist()


def _deviation_schedule(
    experiment: Experiment, settings: FollowerSettings | PPOLeader, leads: bool
) -> list[list[float]] | None:
    """Ends of the geometric decay of exploration, (environment steps, log deviation)."""
    if settings.final_action_deviation is None:
        return None
    first, last = _steps_of(experiment, leads)
    return [
        [first, math.log(settings.initial_action_deviation)],
        [last, math.log(settings.final_action_deviation)],
    ]


def module_options(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """PPO's options of every module."""
    return {
        name: _ppo_options(experiment, module_settings(experiment, name), name == LEADER)
        for name in module_spaces(experiment)
    }


def _ppo_options(
    experiment: Experiment, settings: FollowerSettings | PPOLeader, leads: bool
) -> dict[str, Any]:
    return {
        "lr": _learning_rates(experiment, settings, leads),
        "num_epochs": settings.epochs,
        "minibatch_size": settings.minibatch_size,
        "gamma": settings.discount,
        "lambda_": settings.gae_lambda,
        "clip_param": settings.clip,
        "vf_clip_param": float("inf"),
        "vf_loss_coeff": 1.0,
        "entropy_coeff": settings.entropy_coefficient,
        "use_kl_loss": settings.kl_coefficient > 0,
        "kl_coeff": settings.kl_coefficient,
        "kl_target": settings.kl_target,
        "grad_clip": settings.gradient_clip,
        "grad_clip_by": "global_norm",
    }


def _learning_rates(
    experiment: Experiment, settings: FollowerSettings | PPOLeader, leads: bool
) -> float | list[list[float]]:
    """Decay over the run, in environment steps; a leader's starts when it starts."""
    start, end = settings.learning_rate, settings.final_learning_rate
    if start == end:
        return start
    first, last = _steps_of(experiment, leads)
    # RLlib interpolates linearly between the points of a schedule.
    points = 2 if settings.learning_rate_decay == "linear" else GEOMETRIC_POINTS
    shares = [point / (points - 1) for point in range(points)]
    decay = [
        [round(first + share * (last - first)), start * (end / start) ** share] for share in shares
    ]
    decay[-1][1] = end
    return decay if first == 0 else [[0, start], *decay]


def _steps_of(experiment: Experiment, leads: bool) -> tuple[int, int]:
    """First and last environment step at which a module learns: a leader's second phase, or all."""
    training = experiment.training
    per_iteration = training.copies * training.rollout_steps * max(1, training.env_runners)
    first = training.pretrain_iterations * per_iteration if leads else 0
    last = (training.pretrain_iterations + training.iterations) * per_iteration
    return first, max(last, first + 1)
