"""The course of a run: training, the refinement of its answer, evaluation, each told as it goes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from .runs.run_folder import RunFolder

SECONDS_BETWEEN_LINES = 2.0


def carry_out(
    folder: RunFolder, address: str | None = None, quiet: bool = False
) -> dict[str, float] | None:
    """Train a run to its end and evaluate it; its results, or None if it was interrupted."""
    from .evaluation.evaluate import evaluate_during_training, write_answer
    from .loop.stopping import reported
    from .loop.trainer import train as train_run

    experiment = folder.experiment
    if not quiet:
        print(f"{experiment.name}: {experiment.description}\nrun folder: {folder.path}", flush=True)
    outcome = train_run(folder, address, quiet, watch=evaluate_during_training)
    if outcome.theta is None:
        print(
            f"\nInterrupted after {outcome.iterations} iterations; everything is saved.\n"
            f"Go on with  pacesetter train --resume {folder.path}"
        )
        return None
    again = f"Go on with 'pacesetter train --resume {folder.path}'."
    with reported(folder, "keeping the leader's answer", again, "Training is finished and saved."):
        write_answer(folder, outcome.theta)
    if not quiet:
        print(f"trained in {outcome.seconds:.0f} s; evaluating", flush=True)
    if experiment.training.refine and not _refined(folder, quiet):
        return None
    return measured(folder, "Training is finished, and what it brought is kept.")


def _refined(folder: RunFolder, quiet: bool) -> bool:
    """The last phase of training, in which the answer is refined; False: it was interrupted."""
    from .certificates.refine import refine
    from .loop.stopping import reported

    again = f"Go on with 'pacesetter train --resume {folder.path}'."
    try:
        with reported(folder, "refining the answer", again, "Training is finished and saved."):
            refine(folder, teller(quiet))
    except KeyboardInterrupt:
        print(f"\nInterrupted while the answer was refined; finished pieces are kept.\n{again}")
        return False
    return True


def measured(folder: RunFolder, kept: str = "") -> dict[str, float]:
    """Evaluate a finished run; `kept` is said if that fails.

    Raises:
        PacesetterError: whatever stopped it, in one message.
    """
    from .evaluation.evaluate import evaluate as measure
    from .loop.stopping import reported

    again = f"Mend that, and measure again with 'pacesetter evaluate {folder.path}'."
    with reported(folder, "evaluation", again, kept):
        return measure(folder)


def teller(quiet: bool) -> Callable[[str], None]:
    """What prints a line, the first one and then one every few seconds; nothing if quiet."""
    last = -math.inf

    def tell(text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if not quiet and now - last >= SECONDS_BETWEEN_LINES:
            last = now
            print(text, flush=True)

    return tell
