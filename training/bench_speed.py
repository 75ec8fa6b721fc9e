"""Speed and memory: what one iteration costs here, on RLlib's stock route, and in plain torch.

All contenders of a comparison take turns within one process, so that a machine that is busy for a
while slows all of them; a ratio is taken within a turn. They have the same task, networks, epochs
and minibatches.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Literal

import numpy as np

from ..envs.market import Market
from ..envs.registry import MARKETS, make
from ..leaders.objectives import Welfare
from ..leaders.ppo import PPOLeader
from ..leaders.registry import LEADERS
from .algorithm import build, start_ray
from .bench_reference import ReferenceLoop
from .experiment import Experiment
from .settings import FollowerSettings, TrainingSettings

Figures = dict[str, list[float]]
"""Name -> one value per turn."""
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


def cobweb(repeats: int, with_reference: bool = True, **followers: Any) -> Figures:
    """Cobweb: 64 copies of 50 steps unless `copies` says otherwise; see `compare`."""
    market, copies, steps = make("cobweb"), followers.pop("copies", 64), 50
    plain = followers_alone(market, "array", copies, steps, information_cost=False, **followers)
    experiments = {
        "array": plain,
        "array_with_information_cost": followers_alone(market, "array", copies, steps, **followers),
        "stock": followers_alone(
            market, "stock", copies, steps, information_cost=False, **followers
        ),
    }
    return on_both_routes(experiments, repeats, plain if with_reference else None)


def household(repeats: int, **followers: Any) -> Figures:
    """Closed household economy: 100 households, 8 copies of 25 years; see `compare`."""
    market = make("household_economy")
    experiments = {
        route: followers_alone(market, route, 8, 25, **followers) for route in ("array", "stock")
    }
    return on_both_routes(experiments, repeats)


def market_entry(repeats: int, **followers: Any) -> Figures:
    """Market entry: 20 traders, 64 copies of 25 periods; see `compare`."""
    market = make("market_entry")
    experiments = {
        route: followers_alone(market, route, 64, 25, **followers) for route in ("array", "stock")
    }
    return on_both_routes(experiments, repeats)


def execution(repeats: int, **followers: Any) -> Figures:
    """One executor among the background of rmsc04, 64 copies of 20 minutes; see `compare`."""
    market = make("execution")
    experiments = {
        route: followers_alone(market, route, 64, 20, **followers) for route in ("array", "stock")
    }
    return on_both_routes(experiments, repeats)


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
    try:
        return compare(contenders, repeats, settings.copies * settings.rollout_steps)
    finally:
        for stop in stops:
            stop()


def compare(contenders: dict[str, Contender], repeats: int, env_steps: int) -> Figures:
    """Steps per second of every contender, and how many times faster ``array`` is.

    Args:
        contenders: by name, ``array`` among them.
        repeats: turns of each.
        env_steps: steps of an iteration, over all copies.
    """
    figures: Figures = {}
    for _ in range(repeats):
        seconds = {name: contender.turn() for name, contender in contenders.items()}
        ours = seconds["array"]
        for name, (sampling, whole) in seconds.items():
            _note(figures, f"{name}/sampling_env_steps_per_second", env_steps / sampling)
            _note(figures, f"{name}/env_steps_per_second", env_steps / whole)
            if name in ("stock", "reference"):
                _note(figures, f"sampling_speedup_over_{name}", sampling / ours[0])
                _note(figures, f"iteration_speedup_over_{name}", whole / ours[1])
    return figures


def physics(repeats: int) -> Figures:
    """Steps per second of every market alone, 64 copies, under random actions."""
    figures: Figures = {}
    prepared = {}
    for name in MARKETS:
        market = make(name)
        prepared[name] = (market, random_actions(market, 64))
    for _ in range(repeats):
        for name, (market, actions) in prepared.items():
            _note(figures, f"{name}/env_steps_per_second", steps_per_second(market, actions))
    return figures


def steps_per_second(market: Market, actions: dict[str, Any], least_seconds: float = 0.3) -> float:
    """Steps per second over all copies, restarts included, observations not."""
    copies = len(next(iter(actions.values())))
    state, steps, began = market.reset(0, copies), 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < least_seconds or steps < 2:
        step = market.step(state, actions)
        state = market.restart(step.state, step.terminated | step.truncated)
        steps += 1
    return steps * copies / elapsed


def random_actions(market: Market, copies: int) -> dict[str, Any]:
    """One action of everybody, group -> ``(B, N, …)``."""
    actions = {}
    for group in market.groups:
        space = group.action_space
        space.seed(0)
        rows = [[space.sample() for _ in range(group.size)] for _ in range(copies)]
        actions[group.name] = np.array(rows)
    return actions


def memory(repeats: int) -> Figures:
    """Resident megabytes of a training run, Ray included, in processes of its own."""
    figures: Figures = {}
    command = [sys.executable, "-c", f"from {__name__} import run_for_memory; run_for_memory()"]
    for _ in range(repeats):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        megabytes = float(done.stdout.split()[-1])
        _note(figures, "demo/megabytes", megabytes)
    return figures


def run_for_memory() -> None:
    """Train the cobweb market under a policy leader for a while, and print the megabytes in use."""
    experiment = Experiment(
        name="memory", market=make("cobweb"), objective=Welfare(), leader=PPOLeader()
    )
    start_ray(experiment)
    built = build(experiment)
    for _ in range(10):
        built.train()
    print(resident_megabytes())
    built.stop()


def resident_megabytes() -> float:
    """Memory of this process and its children; pages that several share are counted once (PSS)."""
    # Comes with Ray, on the path that Ray adds.
    import psutil  # type: ignore[import-untyped]

    total = 0
    this = psutil.Process()
    for process in [this, *this.children(recursive=True)]:
        try:
            used = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        total += getattr(used, "pss", 0) or used.rss
    return total / 1e6


def _note(figures: Figures, name: str, value: float) -> None:
    figures.setdefault(name, []).append(value)
