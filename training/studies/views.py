"""Another library's PPO on a market: all copies at once, against the way through dictionaries.

Both contenders are Stable-Baselines3's PPO with the same options on the same market, in one
process: on `sb3_env`, and on the PettingZoo view by SuperSuit's ``pettingzoo_env_to_vec_env_v1``
and ``concat_vec_envs_v1``. They take turns; times are of the processor.
"""

from __future__ import annotations

import time
from typing import Any

from ...envs.core.errors import PacesetterError
from ...envs.parallel import parallel_env
from .speed import Figures, Goal, note

COPIES = 64
TURNS_OF_THE_FAST = 3  # iterations of ours for one of the other
GOALS: dict[str, Goal] = {"speedup_of_whole_iterations": ("at least", 20.0)}


def views(market: str, steps: int, epochs: int, repeats: int, quick: bool) -> Figures:
    """Agent steps per second of sampling alone and of whole iterations, and their ratios.

    Args:
        market: name of a market with one group.
        steps: of an iteration, per copy.
        epochs: passes over the data, in four minibatches.
        repeats: turns of each contender.
        quick: with a quarter of the copies.
    """
    copies = COPIES // 4 if quick else COPIES
    contenders = {name: _learner(env, steps, epochs) for name, env in _views(market, copies)}
    figures: Figures = {}
    for _ in range(repeats):
        rates = {name: _turn(learner, name) for name, learner in contenders.items()}
        for name, (sampling, whole) in rates.items():
            note(figures, f"{name}/sampled_agent_steps_per_processor_second", sampling)
            note(figures, f"{name}/agent_steps_per_processor_second", whole)
        ours, theirs = rates["arrays"], rates["dictionaries"]
        note(figures, "speedup_of_sampling", ours[0] / theirs[0])
        note(figures, "speedup_of_whole_iterations", ours[1] / theirs[1])
    return figures


def _views(market: str, copies: int) -> list[tuple[str, Any]]:
    """Both views of so many copies."""
    try:
        import supersuit

        from ...envs.vector.stable_baselines import sb3_env
    except ModuleNotFoundError as error:
        raise PacesetterError(
            f"this benchmark needs {error.name}: pip install 'pacesetter[sb3]' supersuit."
        ) from None
    alone = supersuit.pettingzoo_env_to_vec_env_v1(parallel_env(market))
    many = supersuit.concat_vec_envs_v1(alone, copies, num_cpus=1, base_class="stable_baselines3")
    return [("arrays", sb3_env(market, copies)), ("dictionaries", many)]


def _learner(env: Any, steps: int, epochs: int) -> Any:
    """PPO that has made its first iteration, as that of anything is slower."""
    from stable_baselines3 import PPO

    rows = steps * env.num_envs
    learner = PPO(
        "MlpPolicy", env, n_steps=steps, batch_size=rows // 4, n_epochs=epochs, device="cpu"
    )
    return learner.learn(rows)


def _turn(learner: Any, name: str) -> tuple[float, float]:
    """Agent steps per second of processor time: sampling alone, and whole iterations."""
    sampling, sample = 0.0, learner.collect_rollouts

    def timed(*arguments: Any, **options: Any) -> Any:
        nonlocal sampling
        began = time.process_time()
        result = sample(*arguments, **options)
        sampling += time.process_time() - began
        return result

    learner.collect_rollouts = timed
    rows = learner.n_steps * learner.n_envs * (TURNS_OF_THE_FAST if name == "arrays" else 1)
    began = time.process_time()
    learner.learn(rows, reset_num_timesteps=False)
    whole = time.process_time() - began
    learner.collect_rollouts = sample
    return rows / sampling, rows / whole
