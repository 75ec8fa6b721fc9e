"""Stopping and going on: checkpoints of everything, signals, and what a failure leaves behind."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ...envs.core.errors import PacesetterError, UnusableRewardError
from ...leaders.leader import Guide, GuideWithLaboratory
from ..backend import Backend
from ..ppo.update import NonFiniteTrainingError
from ..runs.history import read_history
from ..runs.intact import read_marker
from ..runs.machine import software_versions
from ..runs.run_folder import RunFolder
from ..runs.whole_files import no_room, write_whole
from ..runs.world_file import BEST_SO_FAR, save_world
from .averaging import WeightAverage

ERROR_LOG = "error.log"
GUIDE_FILE, AVERAGE_FILE = "guide.json", "average.safetensors"
BACKEND_FOLDER = "algorithm"
RESUMABLE = (NonFiniteTrainingError, UnusableRewardError)
"""What stops a run that can go on from its last checkpoint once its cause is mended."""
FAILURES = (Exception, SystemExit)
"""What a user's market, an objective or a worker may raise: a call of sys.exit ends no run well."""


def checkpoint_of(run: RunFolder) -> Path | None:
    """The checkpoint to go on from; None: there is none yet, and the run begins at its beginning.

    That later ones are damaged is printed, and that there is none where a run had begun.

    Raises:
        PacesetterError: see `RunFolder.checkpoint_to_resume`.
    """
    checkpoint, damaged = run.checkpoint_to_resume()
    for text in damaged:
        print(f"{text} Going on from {checkpoint}.", flush=True)
    if checkpoint is None and read_history(run.path):
        print("There is no checkpoint yet: training begins anew.", flush=True)
    return checkpoint


def _other_versions(checkpoint: Path) -> str:
    """Which software has changed since a checkpoint was written."""
    with contextlib.suppress(ValueError):
        then, now = read_marker(checkpoint)["versions"], software_versions()
        changed = [f"{k} {then[k]}, now {now[k]}" for k in then if then[k] != now.get(k)]
        return f"; it was written with {'; '.join(changed)}" if changed else ""
    return ""


def save(
    backend: Backend, guide: Guide, average: WeightAverage, run: RunFolder, iteration: int
) -> None:
    """Write a checkpoint of everything."""
    with run.new_checkpoint(iteration) as folder:
        average.save(folder / AVERAGE_FILE)
        backend.save(folder / BACKEND_FOLDER)
        state = {"iteration": iteration, "guide": guide.state()}
        write_whole(folder / GUIDE_FILE, json.dumps(state))


def restore(backend: Backend, guide: Guide, average: WeightAverage, checkpoint: Path) -> int:
    """Go on from a checkpoint: the iterations done. A resume that is not exact is said to be so.

    Raises:
        PacesetterError: the checkpoint cannot be read, such as by other software.
    """
    try:
        average.restore(checkpoint / AVERAGE_FILE)
        reason = backend.restore(checkpoint / BACKEND_FOLDER)
        state = json.loads((checkpoint / GUIDE_FILE).read_text())
        guide.restore(state["guide"])
    except PacesetterError:
        raise
    except Exception as error:  # of pickle, torch, RLlib or a market's own
        raise PacesetterError(
            f"{checkpoint}: cannot be read ({type(error).__name__}: {error})"
            f"{_other_versions(checkpoint)}. Resume the run with the software that wrote it, or "
            "start a new one."
        ) from error
    if reason:
        print(
            f"This resume is not exact: the episodes under way begin anew, because {reason}.",
            flush=True,
        )
    return int(state["iteration"])


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Ctrl-C, or a scheduler that ends the job, fills the list and lets the iteration finish.

    A second signal stops at once.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield received
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def reported(run: RunFolder, what: str, cure: str, kept: str = "") -> Iterator[None]:
    """Tell any error of the block in one message, with its traceback in the run folder.

    Args:
        run: where the log goes.
        what: was being done.
        cure: what to do next, a sentence.
        kept: what is not lost, a sentence.

    Raises:
        PacesetterError: the block raised anything.
    """
    try:
        yield
    except PacesetterError as error:  # which says its own cure
        if not kept:
            raise
        raise PacesetterError(f"{error}\n{kept} {cure}") from error
    except FAILURES as error:
        cure = f"{kept} {cure}".strip()
        if full := no_room(error, run.path):
            raise PacesetterError(f"{what} stopped: {full}.\n{cure}") from error
        said = f"{what} stopped: {described(error)}\n{cure}{logged(error, run)}"
        raise PacesetterError(said) from error


@contextmanager
def best_world_kept(run: RunFolder, guide: Guide) -> Iterator[None]:
    """Where a calibration fails, as by a world that bursts, the best world until then is kept."""
    try:
        yield
    except PacesetterError as error:
        weights = guide.weights() if isinstance(guide, GuideWithLaboratory) else {}
        if not weights:
            raise
        save_world(run.path, weights, BEST_SO_FAR)
        kept = f"{str(error).rstrip('.')}. The best world until then is {run.path / BEST_SO_FAR}."
        raise PacesetterError(kept) from error


def failure(error: BaseException, run: RunFolder) -> PacesetterError:
    """What went wrong in training, where the traceback is, and what is left to go on from."""
    if isinstance(error, PacesetterError) and not isinstance(error, RESUMABLE):
        return error
    last = run.latest_checkpoint()
    resume = f"'pacesetter train --resume {run.path}'"
    left = (
        f"The last good checkpoint is {last}; go on with {resume}"
        if last
        else "There is no checkpoint yet"
    )
    if full := no_room(error, run.path):
        return PacesetterError(f"training stopped: {full}.\n{left}.")
    return PacesetterError(f"training stopped: {described(error)}\n{left}.{logged(error, run)}")


def described(error: BaseException) -> str:
    """An error in one line: its kind and what it says; of a remote worker's, the original."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, SystemExit):
        frames = traceback.extract_tb(cause.__traceback__)
        if frames and "ray" in Path(frames[-1].filename).parts:
            return "the process was told to end while it waited for Ray"
        return (
            f"code of the market, objective or leader called sys.exit({cause.code!r}), which ends "
            "no run well; raise an error instead"
        )
    return f"{type(cause).__name__}: {cause}"


def logged(error: BaseException, run: RunFolder) -> str:
    """Write the traceback into the run folder, and say where it is; nothing on a full disk."""
    log = run.path / ERROR_LOG
    try:
        write_whole(log, "".join(traceback.format_exception(error)))
    except OSError:
        return ""
    return f" The traceback is in {log}."
