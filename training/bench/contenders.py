"""Speed and memory: what one iteration costs here, on RLlib's stock route, and in plain torch.

All contenders of a comparison take turns within one process, so that a machine that is busy for a
while slows all of them; a ratio is taken within a turn. They have the same task, networks, epochs
and minibatches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Literal

from ...envs.core.market import Market
from ...envs.registry import make
from ...leaders.objectives.general import Welfare
from ...leaders.registry import LEADERS
from ..experiments.experiment import Experiment
from ..experiments.settings import FollowerSettings, TrainingSettings
from ..rllib.backend import build, start_ray
from ..studies.speed import Figures, Race, note
from .machine.products import seconds_of_products
from .reference import ReferenceLoop

TURNS_OF_THE_FAST = 3  # iterations of a fast contender for one of the stock route


class Contender:
    """Something that samples and learns.

    Args:
        owner: has the method `sampler`.
        sampler: name of the method that samples.
        iterate: runs one iteration, which calls that method.
        repeat: iterations per turn.
    """

    def __init__(self, owner: Any, sampler: str, iterate: Callable[[], Any], repeat: int):
        self._iterate, self._repeat = iterate, repeat
        self._sampling = 0.0
        sample = getattr(owner, sampler)

        def timed(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            result = sample(*args, **options)
            self._sampling += time.perf_counter() - began
            return result

        setattr(owner, sampler, timed)
        self._iterate()  # the first iteration of anything is slower

    def turn(self) -> tuple[float, float]:
        """Median seconds of sampling and of a whole iteration."""
        samplings, wholes = [], []
        for _ in range(self._repeat):
            self._sampling, began = 0.0, time.perf_counter()
            self._iterate()
            wholes.append(time.perf_counter() - began)
            samplings.append(self._sampling)
        return median(samplings), median(wholes)


def followers_alone(
    market: Market,
    route: Literal["array", "stock"],
    copies: int,
    steps: int,
    **followers: Any,
) -> Experiment:
    """Followers under θ drawn from the prior, for so many steps per iteration."""
    return Experiment(
        name=f"{market.name}_{route}",
        market=market,
        objective=Welfare(),
        leader=LEADERS["random"](),
        followers=FollowerSettings(**followers),
        training=TrainingSettings(copies=copies, rollout_steps=steps, route=route),
    )


def algorithm(experiment: Experiment) -> tuple[Contender, Callable[[], None]]:
    """RLlib on either route, and how to stop it."""
    start_ray(experiment)
    built = build(experiment)
    repeat = 1 if experiment.training.route == "stock" else TURNS_OF_THE_FAST
    runner = built.env_runner_group.local_env_runner
    return Contender(runner, "sample", built.train, repeat), built.stop


def reference(experiment: Experiment) -> Contender:
    """The hand-written loop on the same task."""
    settings = experiment.training
    loop = ReferenceLoop(
        experiment.market, experiment.followers, settings.copies, settings.rollout_steps
    )
    return Contender(loop, "sample", loop.iterate, TURNS_OF_THE_FAST)


def race(declared: Race, repeats: int) -> Figures:
    """The array route against stock RLlib, and the plain loop if it takes part; see `compare`."""
    without = {"information_cost": False} if declared.free_information else {}

    def on(route: Literal["array", "stock"], **options: Any) -> Experiment:
        market = make(declared.market, **declared.options)
        followers = {**declared.followers, **options}
        return followers_alone(market, route, declared.copies, declared.steps, **followers)

    plain = on("array", **without)
    experiments = {"array": plain}
    if declared.free_information:
        experiments["array_with_information_cost"] = on("array")
    experiments["stock"] = on("stock", **without)
    return on_both_routes(experiments, repeats, plain if declared.plain_loop else None)


def on_both_routes(
    experiments: dict[str, Experiment], repeats: int, plain: Experiment | None = None
) -> Figures:
    """Compare the experiments, and the hand-written loop on `plain` if there is one."""
    stops, contenders = [], {}
    for name, experiment in experiments.items():
        contenders[name], stop = algorithm(experiment)
        stops.append(stop)
    if plain is not None:
        contenders["reference"] = reference(plain)
    settings = experiments["array"].training
    products = seconds_of_products(experiments["array"])
    products()
    try:
        return compare(contenders, repeats, settings.copies * settings.rollout_steps, products)
    finally:
        for stop in stops:
            stop()


def compare(
    contenders: dict[str, Contender],
    repeats: int,
    env_steps: int,
    products: Callable[[], float],
) -> Figures:
    """Steps per second of every contender, and how many times faster ``array`` is.

    Args:
        contenders: by name, ``array`` among them.
        repeats: turns of each.
        env_steps: steps of an iteration, over all copies.
        products: seconds that the products of matrices of an iteration of ``array`` take alone.
    """
    figures: Figures = {}
    for turn in range(repeats):
        order = list(contenders) if turn % 2 == 0 else list(reversed(contenders))
        seconds = {name: contenders[name].turn() for name in order}
        ours = seconds["array"]
        note(figures, "array/percent_of_matrix_products", 100.0 * products() / ours[1])
        for name, (sampling, whole) in seconds.items():
            note(figures, f"{name}/sampling_env_steps_per_second", env_steps / sampling)
            note(figures, f"{name}/env_steps_per_second", env_steps / whole)
            if name in ("stock", "reference"):
                note(figures, f"sampling_speedup_over_{name}", sampling / ours[0])
                note(figures, f"iteration_speedup_over_{name}", whole / ours[1])
    return figures
