"""How whole iterations gain from more processes: env runners that sample, learners that learn.

Every row trains the same batch, the copies shared out among the runners and the minibatches among
the learners. As a command, for machines with many cores:

    python -m pacesetter.training.bench.cores --counts 1 2 4 8 16 --minutes 4 --out FOLDER

prints and writes a row as soon as it is measured, tells a row that fails, and goes on with the
next.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any, NamedTuple

from ...envs.core.errors import PacesetterError, unknown
from ...envs.registry import make
from ...leaders.objectives.general import Welfare
from ...leaders.registry import LEADERS
from ..experiments.experiment import Experiment
from ..experiments.settings import FollowerSettings, TrainingSettings
from ..rllib import measuring
from ..rllib.backend import RLlibBackend
from ..runs.machine import code_digest, machine
from ..runs.run_folder import prepare_folder
from ..runs.whole_files import write_json, write_whole
from ..studies.catalogue import benchmarks
from ..studies.speed import Cores, Figures, note
from .machine.load import busy_cores, load_said

Pair = tuple[int, int]
TOGETHER: tuple[tuple[Pair, ...], ...] = (
    ((0, 0), (2, 1), (2, 2)),
    ((0, 1), (0, 2)),
    ((1, 0), (2, 0)),
)
"""Runners and learners of the rows for two cores; those of a line take turns."""
RATIOS = (
    ("iteration_2_over_1_learners", "iteration", (2, 1), (2, 2)),
    ("learning_2_over_1_learners", "learning", (0, 1), (0, 2)),
    ("sampling_2_over_1_runners", "sampling", (1, 0), (2, 0)),
)
"""Figure, what is compared, and the slower and the faster row."""
ITERATIONS, ENOUGH, ENOUGH_OF_A_TURN = 3, 8.0, 2.0
"""Iterations of a row, and seconds after which fewer will do: in all, or in one turn of several."""
STORE = 512  # megabytes
SPARE = 10.0  # seconds that are kept back for the end


class Row(NamedTuple):
    """Medians over iterations, in seconds of the clock on the wall.

    Attributes:
        runners, learners: remote processes of each kind; 0: the main process does it.
        sampling: everything but learning: samples, what is reported, and the weights' way back.
        learning: from rollouts to new weights.
        iteration: both.
    """

    runners: int
    learners: int
    sampling: float
    learning: float
    iteration: float


Measure = Callable[[int, float], Row]
"""By so many iterations, or by fewer once they took so many seconds."""


@contextmanager
def _training(declared: Cores, runners: int, learners: int) -> Iterator[Measure]:
    """What measures a row as often as it is called; a first iteration is over by then."""
    experiment = Experiment(
        name="cores",
        market=make(declared.market, **declared.options),
        objective=Welfare(),
        leader=LEADERS["random"](),
        followers=FollowerSettings(**declared.followers),
        training=TrainingSettings(
            copies=declared.copies // max(1, runners),
            rollout_steps=declared.steps,
            env_runners=runners,
            learners=learners,
        ),
    )
    backend = RLlibBackend(experiment)
    group, learning = backend.algorithm.learner_group, [0.0]
    update = group.update

    def timed(**options: Any) -> Any:
        began = time.perf_counter()
        result = update(**options)
        learning[0] = time.perf_counter() - began
        return result

    def measure(iterations: int, enough: float) -> Row:
        seconds: list[tuple[float, float, float]] = []
        while len(seconds) < iterations and sum(whole for *_, whole in seconds) < enough:
            began = time.perf_counter()
            backend.iterate()
            whole = time.perf_counter() - began
            seconds.append((whole - learning[0], learning[0], whole))
        return Row(runners, learners, *map(median, zip(*seconds, strict=True)))

    try:
        group.update = timed
        backend.iterate()  # the first one is slower
        yield measure
    finally:
        backend.stop()


def measured(declared: Cores, runners: int, learners: int, iterations: int = ITERATIONS) -> Row:
    """One row; Ray must have been started for as many processes.

    Args:
        declared: what is trained.
        runners, learners: remote processes of each kind.
        iterations: at most, after a first one that is not counted.
    """
    with _training(declared, runners, learners) as measure:
        return measure(iterations, ENOUGH)


def by_processes(declared: Cores, repeats: int, quick: bool = False) -> Figures:
    """The rows for two cores, in turns, and what the second learner is worth."""
    figures: Figures = {}
    together, iterations = (TOGETHER[:1], 1) if quick else (TOGETHER, ITERATIONS)
    measuring.begin(max(sum(map(sum, pairs)) for pairs in together), STORE)
    try:
        for pairs in together:
            with ExitStack() as stack:
                started = {pair: stack.enter_context(_training(declared, *pair)) for pair in pairs}
                for number in range(repeats):
                    order = pairs if number % 2 == 0 else pairs[::-1]
                    rows = {pair: started[pair](iterations, ENOUGH_OF_A_TURN) for pair in order}
                    _note(figures, rows)
    finally:
        measuring.end()
    return figures


def _note(figures: Figures, rows: dict[Pair, Row]) -> None:
    """What was measured in one turn."""
    for row in rows.values():
        name = f"{row.runners}_runners_{row.learners}_learners"
        for part in ("sampling", "learning", "iteration"):
            note(figures, f"{name}/{part}_seconds", getattr(row, part))
    for name, part, slow, fast in RATIOS:
        if slow in rows:
            note(figures, name, getattr(rows[slow], part) / getattr(rows[fast], part))


# The command --------------------------------------------------------------------------------------


class _Table:
    """Rows of all experiments, printed and written as they come."""

    def __init__(self, out: Path, load: float):
        self._out, self._load = out, load
        self._rows: dict[str, list[Row]] = {}
        self._failed: list[str] = []

    def add(self, name: str, row: Row) -> None:
        """A row that was measured."""
        self._rows.setdefault(name, []).append(row)
        print(
            f"{name}: {row.runners} runners, {row.learners} learners: sampling "
            f"{row.sampling:.3f} s, learning {row.learning:.3f} s, iteration {row.iteration:.3f} s",
            flush=True,
        )
        self._write()

    def fail(self, name: str, pair: tuple[int, int], why: str) -> None:
        """A row that was not."""
        self._failed.append(f"{name}, {pair[0]} runners and {pair[1]} learners: {why}")
        print(f"not measured: {self._failed[-1]}", flush=True)
        self._write()

    def _write(self) -> None:
        rows = {name: [row._asdict() for row in rows] for name, rows in self._rows.items()}
        made = {"machine": machine(), "code": code_digest(), "busy_cores": self._load}
        write_json(self._out / "cores.json", made | {"rows": rows, "not_measured": self._failed})
        write_whole(self._out / "cores.md", self.markdown())

    def markdown(self) -> str:
        """As a table, with what each row is worth beside one runner and one learner."""
        made_on = machine()
        lines = [
            "# More cores",
            "",
            f"Seconds of an iteration on {made_on['processor']}, {made_on['cores']} cores, Python "
            f"{made_on['python']}, torch {made_on['torch']}, ray {made_on['ray']}; code "
            f"{code_digest()}; {load_said(self._load)}. Medians over {ITERATIONS} iterations or "
            "fewer; *times* is beside one runner and one learner.",
        ]
        for name, rows in self._rows.items():
            declared = benchmarks()[name]()
            one = next((row for row in rows if row[:2] == (1, 1)), None)
            lines += ["", f"**{name}**: {declared.title}", ""]
            lines += [
                "| runners | learners | sampling | times | learning | times | whole | times |"
            ]
            lines += ["|---|---|---|---|---|---|---|---|"]
            for row in sorted(rows):
                cells = [str(row.runners), str(row.learners)]
                for part in ("sampling", "learning", "iteration"):
                    seconds = getattr(row, part)
                    times = f"{getattr(one, part) / seconds:.2f}" if one else ""
                    cells += [f"{seconds:.3f}", times]
                lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *(f"Not measured: {line}." for line in self._failed)]
        return "\n".join(lines).rstrip() + "\n"


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise a TimeoutError in the main thread after so many seconds."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"took more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _in_order(counts: Sequence[int]) -> list[tuple[int, int]]:
    """Rows, those that say most first: one of each, the most, and then those between."""
    ordered = sorted(set(counts))
    most_first = [*ordered[:1], *reversed(ordered[1:])]
    return [(0, 0), *((count, count) for count in most_first)]


def declared_cores(selection: Sequence[str] = ()) -> dict[str, Cores]:
    """Benchmarks of this kind by name; all if nothing is selected."""
    made = {name: declare() for name, declare in benchmarks().items() if name.endswith("_cores")}
    known = {name: one for name, one in made.items() if isinstance(one, Cores)}
    for name in selection:
        if name not in known:
            raise unknown("benchmark", name, known)
    return {name: known[name] for name in selection or known}


def run(selection: Sequence[str], counts: Sequence[int], seconds: float, out: Path) -> int:
    """Measure all rows that there is time for; 1 if one failed or is missing.

    Args:
        selection: names of benchmarks; all if empty.
        counts: of runners, and of learners.
        seconds: for everything together.
        out: folder of ``cores.json`` and ``cores.md``.
    """
    declared, deadline = declared_cores(selection), time.monotonic() + seconds
    for name, one in declared.items():
        if min(counts) < 1 or any(one.copies % count for count in counts):
            raise PacesetterError(
                f"--counts {' '.join(map(str, counts))}: the {one.copies} copies of {name} must be "
                "divided evenly; give divisors of it."
            )
    prepare_folder(out)
    table, failed = _Table(out, busy_cores()), 0
    for name, one in declared.items():
        for pair in _in_order(counts):
            try:
                left = deadline - time.monotonic() - SPARE
                if left <= 0.0:
                    raise TimeoutError(f"the {seconds:.0f} s are over")
                with _at_most(left):
                    measuring.begin(2 * max(counts), STORE)
                    table.add(name, measured(one, *pair))
            except Exception as error:  # told, and the other rows are still worth having
                reason = (str(error) or "no reason given").splitlines()[0]
                table.fail(name, pair, f"{type(error).__name__}: {reason}")
                failed = 1
                measuring.end()
    measuring.end()
    print(table.markdown())
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m pacesetter.training.bench.cores",
        description="Whole iterations by more and more env runners and learners on this machine.",
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--minutes", type=float, default=4.0, help="for everything together")
    parser.add_argument("--out", type=Path, default=Path("build/cores"))
    parser.add_argument("names", nargs="*", help="benchmarks; all if left out")
    args = parser.parse_args(arguments)
    try:
        return run(args.names, args.counts, 60.0 * args.minutes, args.out)
    except PacesetterError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
