"""Where the driver saturates with hundreds of env runners and several learners: arithmetic.

    python -m pacesetter.training.bench.scale --out docs/results

measures on this machine what one runner costs the driver, what is sent, and how long sampling and
learning take; says from these how long an iteration lasts with any number of runners; and plays the
queue of samples before the driver, in which runners do not end at the same time, beside it.
"""

from __future__ import annotations

import argparse
import heapq
import pickle
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ...envs.core.errors import PacesetterError
from ...envs.registry import make
from ...leaders.objectives.general import Welfare
from ...leaders.registry import LEADERS
from ..experiments.experiment import Experiment
from ..experiments.settings import FollowerSettings, TrainingSettings
from ..policies.policies import Policies
from ..ppo.backend import LocalBackend
from ..ppo.rollout import ArrayRollout
from ..ppo.sampler import Sampler
from ..ppo.shares import share_out
from ..rllib import measuring
from ..runs.machine import code_digest, machine
from ..runs.run_folder import prepare_folder
from ..runs.whole_files import write_json, write_whole
from ..studies.speed import Cores
from .cores import declared_cores
from .machine.load import busy_cores, load_said

RUNNERS = (1, 10, 100, 1000)
LEARNERS = 8
SPREAD = 0.1
"""Standard deviation of a runner's time, as a share of it: machines are not alike."""
LATENCY, BANDWIDTH = 100e-6, 1.25e9
"""Seconds per message and bytes per second between learners: Ethernet of 10 gigabits."""


@dataclass(frozen=True)
class Costs:
    """What was measured of one experiment; bytes, and seconds of the clock.

    Attributes:
        weights: bytes that every runner gets after an iteration.
        theta: bytes of a command.
        rollout: bytes of one runner's sample.
        rows: of it.
        parameters: bytes of a gradient.
        minibatches: of an iteration of one runner's rows, all epochs.
        rows_per_minibatch: of all learners.
        sample: seconds of a runner, for its own sample.
        learn: seconds of one learner for one row, all epochs.
        call: seconds of the driver to ask a runner and take an empty answer.
        receive: seconds of the driver to read one sample out of the store.
        share: seconds of the driver to share one sample out, and to send the shares.
        put_weights: seconds of the driver to store the weights, once for all runners.
    """

    weights: int
    theta: int
    rollout: int
    rows: int
    parameters: int
    minibatches: float
    rows_per_minibatch: int
    sample: float
    learn: float
    call: float
    receive: float
    share: float
    put_weights: float

    @property
    def driver_per_runner(self) -> float:
        """Seconds of the driver: three calls (sample, report, weights), its sample and shares."""
        return 3 * self.call + self.receive + self.share


@dataclass(frozen=True)
class Iteration:
    """Seconds of one iteration, in which sampling, the driver and learning take turns.

    Attributes:
        sampling: until the last runner has ended, if the driver were never busy.
        driver: its own work.
        learning: of all learners, with their messages.
        whole: the sum.
        played: the whole in the play of the queue, where the driver works while some still sample.
    """

    sampling: float
    driver: float
    learning: float
    whole: float
    played: float


# Measuring ----------------------------------------------------------------------------------------


def experiment_of(declared: Cores, runners: int = 0) -> Experiment:
    """The benchmark's experiment, every runner with as many copies as all have there together."""
    return Experiment(
        name="scale",
        market=make(declared.market, **declared.options),
        objective=Welfare(),
        leader=LEADERS["random"](),
        followers=FollowerSettings(**declared.followers),
        training=TrainingSettings(
            copies=declared.copies, rollout_steps=declared.steps, env_runners=runners
        ),
    )


def measured(declared: Cores) -> Costs:
    """All that `Costs` has; Ray must have been started for a runner."""
    experiment = experiment_of(declared)
    sampler, policies = Sampler(experiment.bound()), Policies.untrained(experiment)
    rollout = sampler.sample(policies.modules)
    sample = measuring.seconds(lambda: sampler.sample(policies.modules), 3)
    whole = _seconds_of_iteration(experiment)
    rows = sum(part.rewards.size for part in rollout.modules.values())
    settings = experiment.followers
    size = settings.minibatch_size or rows
    weights, parameters, put, call = measuring.of_a_runner(experiment_of(declared, runners=1))
    receive, share = _of_a_sample(rollout, experiment)
    return Costs(
        weights=weights,
        theta=len(
            pickle.dumps(np.zeros((declared.copies, len(experiment.market.characteristics))))
        ),
        rollout=len(pickle.dumps(rollout, protocol=5)),
        rows=rows,
        parameters=parameters,
        minibatches=settings.epochs * rows / size,
        rows_per_minibatch=size,
        sample=sample,
        learn=max(whole - sample, 0.0) / rows,
        call=call,
        receive=receive,
        share=share,
        put_weights=put,
    )


def _seconds_of_iteration(experiment: Experiment) -> float:
    """Sampling and learning in one process."""
    training = replace(experiment.training, route="local")
    backend = LocalBackend(replace(experiment, training=training))
    backend.iterate()
    return measuring.seconds(backend.iterate, 1)


def _of_a_sample(rollout: ArrayRollout, experiment: Experiment) -> tuple[float, float]:
    """Seconds to read a sample from the store, and to share it out and store the shares."""
    sizes = {group.name: experiment.followers.minibatch_size for group in experiment.market.groups}
    received, reading = measuring.through_store(rollout)

    def share() -> None:
        for one in share_out([received], experiment.training.copies, LEARNERS, 0, sizes):
            measuring.store(one)

    return reading, measuring.seconds(share, 3)


# Arithmetic ---------------------------------------------------------------------------------------


def learning_seconds(costs: Costs, runners: int, learners: int) -> float:
    """Of an iteration: the rows of the busiest learner, and one sum of gradients per minibatch.

    A minibatch is drawn from the whole batch, so that learners hold nearly as many of its rows: the
    busiest of n has about 1 + sqrt(2 ln n · (n - 1) / M) times its part of M. A ring adds gradients
    up in 2 (n - 1) messages of an n-th of them.
    """
    rows, n = costs.rows * runners, learners
    busiest = 1.0 + np.sqrt(2.0 * np.log(n) * (n - 1) / costs.rows_per_minibatch)
    message = 2 * (n - 1) * (LATENCY + costs.parameters / n / BANDWIDTH)
    return float(rows * costs.learn / n * busiest + costs.minibatches * runners * message)


def iteration(costs: Costs, runners: int, learners: int = LEARNERS, seed: int = 0) -> Iteration:
    """By arithmetic, and played with runners whose times differ."""
    driver = costs.driver_per_runner * runners + costs.put_weights
    learning = learning_seconds(costs, runners, learners)
    late = 1.0 + SPREAD * np.sqrt(2.0 * np.log(runners)) if runners > 1 else 1.0
    sampling = float(costs.sample * late)
    played = play(costs, runners, seed) + learning
    return Iteration(sampling, driver, learning, sampling + driver + learning, played)


def play(costs: Costs, runners: int, seed: int = 0) -> float:
    """Seconds until the driver has sent all shares and weights, one event after the other.

    The driver asks runners one by one; each samples for a time of its own; samples are read in the
    order in which they come, and shared out once all are there.
    """
    draw = np.random.default_rng(seed)
    clock = 0.0
    ready: list[float] = []
    for _ in range(runners):
        clock += costs.call
        heapq.heappush(ready, clock + costs.sample * max(0.1, draw.normal(1.0, SPREAD)))
    while ready:
        clock = max(clock, heapq.heappop(ready)) + costs.receive + costs.call
    return clock + runners * (costs.share + costs.call) + costs.put_weights


def saturation(costs: Costs, learners: int = LEARNERS) -> float:
    """Runners of *one* batch, divided among them, from which the driver's calls take half the time.

    The rows are then the same however many runners there are: what grows is three calls per runner.
    """
    rest = costs.sample + learning_seconds(costs, 1, learners) + costs.receive + costs.share
    return rest / (3 * costs.call)


# The command --------------------------------------------------------------------------------------


def markdown(found: dict[str, Costs], titles: dict[str, str], load: float) -> str:
    """Messages, times, and what follows from them, as tables."""
    made_on = machine()
    lines = [
        "# A hundred and a thousand runners",
        "",
        "What one driver can feed: measured costs, and what follows from them by arithmetic and by "
        "playing the queue before the driver. No cluster of this size was at hand. Made with "
        f"`python -m pacesetter.training.bench.scale` on {made_on['processor']}, "
        f"{made_on['cores']} cores, Python {made_on['python']}, torch {made_on['torch']}, ray "
        f"{made_on['ray']}; code {code_digest()}; {load_said(load)}.",
        "",
        f"*Assumed*: runners' times differ by {SPREAD:.0%} (standard deviation); between learners "
        f"a message takes {LATENCY * 1e6:.0f} µs, and its bytes {BANDWIDTH / 1e9:.2f} GB/s, as on "
        "Ethernet of 10 gigabits. *Arithmetic*: driver = R (3 calls + read + share out) + store "
        f"weights; sampling = the slowest of R; learning = rows × seconds per row / {LEARNERS} × "
        "the busiest learner's surplus, and 2 (n - 1) messages of a gradient's n-th per minibatch.",
    ]
    for name, costs in found.items():
        lines += ["", f"## {name}", "", f"Every runner brings {titles[name]}.", ""]
        lines += ["| measured | |", "|---|---|"]
        lines += [f"| {label} | {value} |" for label, value in _told(costs)]
        lines += ["", f"With {LEARNERS} learners, seconds of an iteration:", ""]
        lines += ["| runners | sampling | driver | learning | whole | played | driver's share |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for runners in RUNNERS:
            one = iteration(costs, runners)
            seconds = (one.sampling, one.driver, one.learning, one.whole, one.played)
            cells = " | ".join(f"{value:.3g}" for value in seconds)
            lines.append(f"| {runners:,} | {cells} | {one.driver / one.whole:.0%} |")
        lines += ["", *_concluded(costs)]
    return "\n".join(lines) + "\n"


def _told(costs: Costs) -> list[tuple[str, str]]:
    return [
        ("weights to a runner", f"{costs.weights / 1e3:.1f} kB"),
        ("θ to a runner", f"{costs.theta / 1e3:.1f} kB"),
        ("a runner's sample", f"{costs.rollout / 1e6:.2f} MB, {costs.rows:,} rows"),
        ("a gradient", f"{costs.parameters / 1e3:.0f} kB"),
        ("a runner's sampling", f"{costs.sample:.3f} s"),
        ("learning, one learner, all epochs", f"{costs.learn * 1e6:.2f} µs per row"),
        ("an empty call", f"{costs.call * 1e3:.2f} ms"),
        ("reading a sample from the store", f"{costs.receive * 1e3:.2f} ms"),
        ("sharing it out and storing the shares", f"{costs.share * 1e3:.2f} ms"),
        ("storing the weights", f"{costs.put_weights * 1e3:.2f} ms"),
    ]


def _concluded(costs: Costs) -> list[str]:
    beside = costs.driver_per_runner / learning_seconds(costs, 1, LEARNERS)
    feeds = costs.learn * costs.rows / costs.driver_per_runner
    return [
        "*Every runner with a batch of its own*: the driver takes "
        f"{costs.driver_per_runner * 1e3:.1f} ms per runner, {beside:.2g} times what {LEARNERS} "
        "learners take for its rows, however many runners there are. Even if learners' messages "
        f"cost nothing, from {feeds:,.0f} learners on the driver would take as long as they do.",
        "",
        "*One batch divided among more runners*: three calls each take as long as all else from "
        f"{saturation(costs):,.0f} runners on; more than that make an iteration longer.",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m pacesetter.training.bench.scale")
    parser.add_argument("--out", type=Path, default=Path("build/scale"))
    parser.add_argument("names", nargs="*", help="benchmarks as of 'cores'; all if left out")
    args = parser.parse_args(arguments)
    try:
        declared, load = declared_cores(args.names), busy_cores()
        prepare_folder(args.out)
    except PacesetterError as error:
        print(error, file=sys.stderr)
        return 2
    measuring.begin(1, 512)
    try:
        found = {}
        for name, one in declared.items():
            print(f"{name}: {one.title} …", flush=True)
            found[name] = measured(one)
    finally:
        measuring.end()
    table = markdown(found, {name: one.title for name, one in declared.items()}, load)
    made = {"machine": machine(), "code": code_digest(), "busy_cores": load}
    iterations = {
        name: {runners: asdict(iteration(costs, runners)) for runners in RUNNERS}
        for name, costs in found.items()
    }
    measured_costs = {name: asdict(costs) for name, costs in found.items()}
    write_json(args.out / "scale.json", made | {"costs": measured_costs, "iterations": iterations})
    write_whole(args.out / "scale.md", table)
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
