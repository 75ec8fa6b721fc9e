"""``python -m pacesetter.training.soak``: disturb runs at random, and see that nothing is lost."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from .. import session  # noqa: F401  everything is imported here, and nothing after a fork
from ..rllib import backend  # noqa: F401
from .report import GOAL, Report
from .runs import EXACT, Course, warm_up

PLACES = {
    "array": ("local",) * 11 + ("remote",) + ("local",) * 11 + ("learners",),
    "stock": ("stock",),
}


def main() -> int:
    """Run the soak test; 0 if there was nothing that should not have been."""
    options = _parser().parse_args()
    places = (options.place,) if options.place else PLACES[options.route]
    report = Report.read(options.out) if options.go_on else Report(options.out, options.seed)
    report.first = options.first
    # Kept short, for the sake of Ray's sockets; on a disk, since memory must not fill up.
    folder = Path(tempfile.mkdtemp(prefix="soak", dir="/tmp"))
    os.environ["RAY_TMPDIR"] = str(folder / "r")
    (folder / "r").mkdir()
    os.chdir(folder)
    course, deadline = Course(folder, report.seed), time.monotonic() + 60.0 * options.minutes
    warm_up()
    before = report.faults
    while report.faults - before < options.faults and time.monotonic() < deadline:
        number = report.next_number
        run = course.run(number, places[number % len(places)])
        report.runs.append(run)
        report.write()
        print(
            f"run {number} ({run.place}): {len(run.faults)} faults in {run.commands} commands, "
            f"{run.seconds:.0f} s; {report.faults} faults so far",
            *run.problems,
            sep="\n  ",
            flush=True,
        )
    wrong = sum(len(run.problems) for run in report.runs)
    if wrong:
        print(f"{wrong} problems; what belongs to them is in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"report: {report.out / 'soak.md'}")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pacesetter.training.soak", description=__doc__)
    parser.add_argument("--faults", type=int, default=GOAL, help=f"at least so many ({GOAL})")
    parser.add_argument("--minutes", type=float, default=60.0, help="and no longer than this (60)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first run (0)")
    parser.add_argument("--route", choices=PLACES, default="array", help="or RLlib's stock route")
    parser.add_argument("--place", choices=(*EXACT, "stock"), help="default: all of a route")
    parser.add_argument(
        "--continue", dest="go_on", action="store_true", help="add to the report that is there"
    )
    parser.add_argument("--out", type=lambda t: Path(t).resolve(), default=Path("docs/results"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
