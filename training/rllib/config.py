"""RLlib's PPO, configured from an experiment through public options alone."""

from __future__ import annotations

from typing import Any

from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.core.rl_module.rl_module import RLModuleSpec

from ...leaders.policy.options import PPOOptions
from ..experiments.experiment import Experiment
from ..policies.specification import LEADER, model_config, module_settings, module_spaces
from ..ppo.schedule import learning_rates
from .connector import ArrayAdvantages
from .learner import ArrayPPOLearner
from .module import ActorCriticModule
from .runner import GameRunner


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
        # There are no connectors to merge; and a runner that died after an iteration was learned
        # would be noticed there, and the iteration be learned twice.
        merge_env_runner_states=False,
        broadcast_env_runner_states=False,
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
            module_class=ActorCriticModule,
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


def module_options(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """PPO's options of every module."""
    return {
        name: _ppo_options(experiment, module_settings(experiment, name), name == LEADER)
        for name in module_spaces(experiment)
    }


def _ppo_options(experiment: Experiment, settings: PPOOptions, leads: bool) -> dict[str, Any]:
    return {
        "lr": learning_rates(experiment, settings, leads),
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
