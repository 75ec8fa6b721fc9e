"""Another library's PPO on a market: all copies at once, against the way through dictionaries.

Both contenders are Stable-Baselines3's PPO with the same options on the same market, in one
process: on `sb3_env`, and on the PettingZoo view by SuperSuit's ``pettingzoo_env_to_vec_env_v1``
and ``concat_vec_envs_v1``. They take turns; times are of the processor. Three things are timed:
stepping the view, collecting a rollout (which asks the policy at every step), and whole iterations.
Policy and learner are the same in both, so that views alone cannot make iterations faster than
``ceiling_of_whole_iterations``: the learner's share of an iteration alone, as if collecting were
free. ``wider`` has five times as many copies and a fifth of the steps, so as many rows per update.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...envs.core.errors import PacesetterError
from ...envs.parallel import parallel_env
from .speed import Figures, Goal, note

COPIES = 64
WIDER = 5  # times as many copies, and the same fraction of the steps
TURNS_OF_THE_FAST = 3  # iterations of ours for one of the other
SECONDS_OF_STEPPING = 0.5
OURS, THEIRS = "arrays", "dictionaries"
GOALS: dict[str, Goal] = {
    "speedup_of_stepping": ("at least", 20.0),
    "speedup_of_whole_iterations": ("at least", 20.0),
}


@dataclass(frozen=True)
class Contender:
    """A view of a market, once to be stepped and once in the hands of a learner."""

    turns: int
    view: Any
    learner: Any


def views(market: str, steps: int, epochs: int, repeats: int, quick: bool) -> Figures:
    """Agent steps per second of stepping, collecting and whole iterations, and their ratios.

    Args:
        market: name of a market with one group.
        steps: of an iteration, per copy.
        epochs: passes over the data, in four minibatches.
        repeats: turns of each contender.
        quick: with a quarter of the copies.
    """
    copies = COPIES // 4 if quick else COPIES
    figures: Figures = {}
    widths = {"": _contenders(market, copies, steps, epochs)}
    widths["wider/"] = _contenders(market, copies * WIDER, steps // WIDER, epochs)
    for _ in range(repeats):
        for width, contenders in widths.items():
            rates = {name: _turn(contender) for name, contender in contenders.items()}
            for name, (stepping, collecting, whole) in rates.items():
                start = f"{width}{name}"
                note(figures, f"{start}/stepped_agent_steps_per_processor_second", stepping)
                note(figures, f"{start}/sampled_agent_steps_per_processor_second", collecting)
                note(figures, f"{start}/agent_steps_per_processor_second", whole)
            ours, theirs = rates[OURS], rates[THEIRS]
            note(figures, f"{width}speedup_of_stepping", ours[0] / theirs[0])
            note(figures, f"{width}speedup_of_sampling", ours[1] / theirs[1])
            note(figures, f"{width}speedup_of_whole_iterations", ours[2] / theirs[2])
            learner = 1 / (1 / ours[2] - 1 / ours[1])
            note(figures, f"{width}ceiling_of_whole_iterations", learner / theirs[2])
    return figures


def _contenders(market: str, copies: int, steps: int, epochs: int) -> dict[str, Contender]:
    """Both views of so many copies."""
    try:
        import supersuit

        from ...envs.vector.stable_baselines import sb3_env
    except ModuleNotFoundError as error:
        raise PacesetterError(
            f"this benchmark needs {error.name}: pip install 'pacesetter[sb3]' supersuit."
        ) from None
    alone = supersuit.pettingzoo_env_to_vec_env_v1(parallel_env(market))

    def dictionaries() -> Any:
        return supersuit.concat_vec_envs_v1(
            alone, copies, num_cpus=1, base_class="stable_baselines3"
        )

    views = {OURS: [sb3_env(market, copies) for _ in range(2)]}
    views[THEIRS] = [dictionaries() for _ in range(2)]
    return {
        name: Contender(
            TURNS_OF_THE_FAST if name == OURS else 1, stepped, _learner(learned, steps, epochs)
        )
        for name, (stepped, learned) in views.items()
    }


def _learner(env: Any, steps: int, epochs: int) -> Any:
    """PPO that has made its first iteration, as that of anything is slower."""
    from stable_baselines3 import PPO

    rows = steps * env.num_envs
    learner = PPO(
        "MlpPolicy", env, n_steps=steps, batch_size=rows // 4, n_epochs=epochs, device="cpu"
    )
    return learner.learn(rows)


def _turn(contender: Contender) -> tuple[float, float, float]:
    """Agent steps per second of the processor: stepping, collecting, and whole iterations."""
    learner, collecting = contender.learner, 0.0
    collect = learner.collect_rollouts

    def timed(*arguments: Any, **options: Any) -> Any:
        nonlocal collecting
        began = time.process_time()
        result = collect(*arguments, **options)
        collecting += time.process_time() - began
        return result

    learner.collect_rollouts = timed
    rows = learner.n_steps * learner.n_envs * contender.turns
    began = time.process_time()
    learner.learn(rows, reset_num_timesteps=False)
    whole = time.process_time() - began
    learner.collect_rollouts = collect
    return _stepping(contender.view), rows / collecting, rows / whole


def _stepping(view: Any) -> float:
    """Agent steps per second of the processor, with actions drawn beforehand."""
    actions = np.stack([view.action_space.sample() for _ in range(view.num_envs)])
    view.reset()
    view.step(actions)
    steps, began = 0, time.process_time()
    while (elapsed := time.process_time() - began) < SECONDS_OF_STEPPING:
        view.step(actions)
        steps += 1
    return steps * view.num_envs / elapsed
