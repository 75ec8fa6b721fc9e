"""``python -m pacesetter.training.bench.device``: whole iterations on a device, against its limits.

Of every size: agent steps per second of whole iterations (sampling, values, advantages, epochs, and
what is reported), the share of that time that the same products of matrices take alone, measured in
the same run, memory at most, and a loop written by hand for this market alone. A size that fails is
told, and the others go on.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ...experiments.experiment import Experiment
from ...experiments.load import load_experiment
from ...ppo.backend import LocalBackend
from ...ppo.device.graphs import Captured
from ...ppo.device.mirror import padded
from ...ppo.device.sampler import DeviceSampler
from ...ppo.device.trainee import DeviceTrainee
from ...runs.machine import code_digest, machine
from ...runs.whole_files import write_json, write_whole
from .by_hand import HandWritten
from .table import EPOCHS, STEPS, WIDTH, Row, markdown

SIZES = ((8, 100), (64, 100), (512, 100), (4096, 100), (64, 1000), (4, 10_000))
QUICK = ((4, 20), (8, 20))
PROFILED = (512, 100)
LARGEST_MINIBATCH, MINIBATCHES = 131_072, 8


def experiment_of(
    copies: int, households: int, minibatch: int, device: str, tf32: bool
) -> Experiment:
    """Taxes of households with a net of 64 x 64 and four epochs."""
    cuda = device == "cuda"
    return load_experiment(
        "household_tax_bayesian",
        [
            f"market.households={households}",
            f"training.copies={copies}",
            f"training.rollout_steps={STEPS}",
            "training.route=local",
            f"training.device={device}",
            f"training.tf32={'true' if tf32 and cuda else 'false'}",
            f"followers.epochs={EPOCHS}",
            f"followers.hidden_layers=[{WIDTH}, {WIDTH}]",
            f"followers.minibatch_size={minibatch}",
        ],
    )


def minibatch_of(copies: int, households: int) -> int:
    """Rows of a gradient step, as one would choose on a device: large, and several per epoch."""
    rows = copies * households * STEPS
    return min(LARGEST_MINIBATCH, max(256, rows // MINIBATCHES))


class Watch:
    """Time on a device: of work that is waited for at both ends; of a processor its own time."""

    def __init__(self, device: torch.device):
        self._cuda = device.type == "cuda"
        self._clock = time.perf_counter if self._cuda else time.process_time

    def wait(self) -> None:
        """Until everything is done."""
        if self._cuda:
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], Any]) -> float:
        """That some work takes."""
        self.wait()
        began = self._clock()
        work()
        self.wait()
        return self._clock() - began


def seconds_of_products(
    copies: int, households: int, minibatch: int, device: torch.device, watch: Watch
) -> float:
    """All products of one iteration, alone: acting, values, and learning of actor and critic.

    Each shape is measured in a graph of several, and counted as often as it comes.
    """
    rows = copies * households * STEPS
    size = min(minibatch, rows)
    layers = ((padded(8), WIDTH), (WIDTH, WIDTH))
    networks = ((*layers, (WIDTH, 2)), (*layers, (WIDTH, 1)))
    total = 0.0
    for outputs, network in enumerate(networks):
        acting = copies * households if outputs == 0 else min(rows, 2**19)
        times = STEPS if outputs == 0 else rows / acting
        total += times * _one(network, acting, False, device, watch)
        total += EPOCHS * (rows / size) * _one(network, size, True, device, watch)
    return total


def _one(
    network: Sequence[tuple[int, int]],
    rows: int,
    learning: bool,
    device: torch.device,
    watch: Watch,
) -> float:
    """Seconds of the products of one pass through a network."""
    inputs = [torch.randn((rows, width), device=device) for width, _ in network]
    outputs = [torch.randn((rows, width), device=device) for _, width in network]
    weights = [torch.randn((out, width), device=device) for width, out in network]
    gradients = [torch.empty_like(weight) for weight in weights]
    repeats = 10 if device.type == "cuda" else 2

    def multiply() -> None:
        for _ in range(repeats):
            for x, y, w in zip(inputs, outputs, weights, strict=True):
                torch.mm(x, w.t(), out=y)
            if not learning:
                continue
            for number in range(len(weights) - 1, -1, -1):
                torch.mm(outputs[number].t(), inputs[number], out=gradients[number])
                if number:
                    torch.mm(outputs[number], weights[number], out=inputs[number])

    work = Captured(multiply, device, True, "products of matrices")
    for _ in range(3):
        work()
    return min(watch.seconds(work) for _ in range(3)) / repeats


def measured(
    copies: int, households: int, minibatch: int, device: str, tf32: bool, least_seconds: float
) -> Row:
    """One size, ours, the products, and the loop by hand; what fails is told in the row."""
    place, row, began = (
        torch.device(device),
        Row(copies, households, minibatch),
        time.perf_counter(),
    )
    watch, agents = Watch(place), copies * households * STEPS
    try:
        _ours(row, watch, device, tf32, least_seconds, agents)
    except Exception as error:  # whatever torch or the driver raises: the other sizes go on
        row.failed = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        traceback.print_exc()
    _forget(place)
    try:
        alone = seconds_of_products(copies, households, minibatch, place, watch)
        row.percent_of_products = 100.0 * alone / row.iteration_seconds
    except Exception as error:  # as above
        row.missing = f"products ({type(error).__name__})"
        traceback.print_exc()
    _forget(place)
    try:
        loop = HandWritten(copies, households, STEPS, EPOCHS, minibatch, place)
        row.by_hand = agents / statistics.median(_timed(loop.iterate, watch, 4, least_seconds))
        del loop
    except Exception as error:
        row.missing += f"{' and ' if row.missing else ''}by hand ({type(error).__name__})"
        traceback.print_exc()
    _forget(place)
    row.seconds = time.perf_counter() - began
    return row


def _ours(
    row: Row, watch: Watch, device: str, tf32: bool, least_seconds: float, agents: int
) -> None:
    cuda = device == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    experiment = experiment_of(row.copies, row.households, row.minibatch, device, tf32)
    backend = LocalBackend(experiment)
    backend.command(0, None)
    taken = _timed(backend.iterate, watch, 4, least_seconds)
    row.iteration_seconds = statistics.median(taken)
    row.agent_steps_per_second = agents / row.iteration_seconds
    row.slowest, row.fastest = agents / max(taken), agents / min(taken)
    sampler = backend._sampler
    row.sampling_seconds = statistics.median(
        watch.seconds(lambda: sampler.sample(backend.modules)) for _ in range(4)
    )
    if cuda:
        row.gigabytes = torch.cuda.max_memory_allocated() / 1e9
    row.captured = graphs_of(backend)


def graphs_of(backend: LocalBackend) -> bool:
    """Whether all steps and minibatches are graphs."""
    works: list[Captured] = []
    if isinstance(backend._sampler, DeviceSampler):
        works += backend._sampler._graphs.values()
    for student in backend._students.values():
        if isinstance(student._trainee, DeviceTrainee):
            works += student._trainee._steps.values()
    return bool(works) and all(work.captured for work in works)


def _timed(work: Callable[[], Any], watch: Watch, warm: int, least_seconds: float) -> list[float]:
    """Seconds of single calls, after some that prepare."""
    for _ in range(warm):
        watch.seconds(work)
    taken: list[float] = []
    while len(taken) < 3 or (sum(taken) < least_seconds and len(taken) < 200):
        taken.append(watch.seconds(work))
    return taken


def _forget(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def profile(device: str, tf32: bool, copies: int, households: int, path: Path) -> str:
    """Where the time of one iteration goes, written to a file; the most expensive in words."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as watched

    experiment = experiment_of(copies, households, minibatch_of(copies, households), device, tf32)
    backend = LocalBackend(experiment)
    backend.command(0, None)
    for _ in range(5):
        backend.iterate()
    cuda = device == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with watched(activities=activities) as seen:
        backend.iterate()
        Watch(torch.device(device)).wait()
    found = seen.key_averages()
    order = "self_device_time_total" if cuda else "self_cpu_time_total"
    launches = sum(e.count for e in found if "LaunchKernel" in e.key or "GraphLaunch" in e.key)
    kernels = [e for e in found if cuda and str(e.device_type).endswith("CUDA")]
    text = (
        f"one iteration of {copies} x {households}: {launches} launches by the host, "
        f"{sum(e.count for e in kernels)} pieces of work on the device, "
        f"{sum(e.self_device_time_total for e in kernels) / 1e3:.1f} ms in all\n"
        + found.table(sort_by=order, row_limit=45, max_name_column_width=90)
    )
    write_whole(path, text)
    return text[:9000]


def sweep(device: str, tf32: bool, copies: int, households: int, sizes: Sequence[int]) -> str:
    """Whole iterations by the size of a minibatch, and without TF32."""
    lines = [f"Agent steps/s at {copies} x {households} by rows of a minibatch:", ""]
    for size, bits in [*((size, tf32) for size in sizes), (sizes[len(sizes) // 2], not tf32)]:
        row, place = Row(copies, households, size), torch.device(device)
        try:
            _ours(row, Watch(place), device, bits, 0.5, copies * households * STEPS)
            rate = f"{row.agent_steps_per_second / 1e6:.2f} M"
        except Exception as error:
            rate = f"failed ({type(error).__name__}: {error})"
        lines.append(f"- {size:,}{' in TF32' if bits and device == 'cuda' else ''}: {rate}")
        print(lines[-1], flush=True)
        _forget(place)
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module's docstring; 0, or 1 if a size or a yardstick of it failed."""
    parser = argparse.ArgumentParser(prog="python -m pacesetter.training.bench.device")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--learning", action="store_true", help="also train, on both paths")
    parser.add_argument("--only-learning", action="store_true")
    parser.add_argument(
        "--runs", type=Path, help="keep the runs of --learning there, and go on with them"
    )
    parser.add_argument("--single", action="store_true", help="products in single precision")
    parser.add_argument("--no-profile", action="store_true")
    parser.add_argument("--no-sweep", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs/results/bench_device.json"))
    args = parser.parse_args(arguments)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    began, cuda = time.perf_counter(), args.device == "cuda"
    about: dict[str, Any] = {
        "command": " ".join(["python -m pacesetter.training.bench.device", *sys.argv[1:]]),
        "device": torch.cuda.get_device_name() if cuda else str(machine()["processor"]),
        "device_kind": args.device,
        "torch": torch.__version__,
        "code": code_digest(),
        "tf32": cuda and not args.single,
        "machine": machine(),
    }
    torch.backends.cuda.matmul.allow_tf32 = bool(about["tf32"])
    rows: list[Row] = []
    notes: list[str] = []
    learned: dict[str, Any] = {}

    def keep() -> None:
        figures = {
            f"device/{row.name}/{key}": value
            for row in rows
            for key, value in asdict(row).items()
            if isinstance(value, float) and math.isfinite(value)
        }
        write_json(
            args.out,
            {**about, "figures": figures, "rows": [row.plain() for row in rows], **learned},
        )
        write_whole(args.out.with_suffix(".md"), markdown(rows, about, notes))

    if not args.only_learning:
        for copies, households in QUICK if args.quick else SIZES:
            row = measured(
                copies,
                households,
                minibatch_of(copies, households),
                args.device,
                bool(about["tf32"]),
                0.05 if args.quick else 2.0,
            )
            rows.append(row)
            print(json.dumps(row.plain()), f"[{time.perf_counter() - began:.0f} s]", flush=True)
            keep()
        copies, households = QUICK[-1] if args.quick else PROFILED
        if not args.no_profile:
            try:
                path = args.out.parent / "profile.txt"
                print(profile(args.device, bool(about["tf32"]), copies, households, path))
            except Exception as error:  # of torch's profiler: the rest goes on
                notes.append(f"There is no profile ({type(error).__name__}: {error}).")
                traceback.print_exc()
            _forget(torch.device(args.device))
        if not args.no_sweep:
            sizes = (256, 1024) if args.quick else (16_384, 32_768, 65_536, 131_072, 262_144)
            notes.append(sweep(args.device, bool(about["tf32"]), copies, households, sizes))
            keep()
    if args.learning or args.only_learning:
        from .learning import learning

        found, text = learning(args.device, args.runs)
        learned["learning"] = found
        notes += ["", text]
        print(text, flush=True)
        keep()
    else:
        notes.append("What is learned was not compared with the processor's runs (`--learning`).")
        keep()
    print(args.out.with_suffix(".md").read_text("utf-8"))
    print(f"written to {args.out} in {time.perf_counter() - began:.0f} s")
    return int(any(row.failed or row.missing for row in rows))


if __name__ == "__main__":
    sys.exit(main())
