"""One command under faults: it is started, disturbed from outside, waited for, and judged."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..rllib.watch import of_session
from ..runs.whole_files import write_whole
from . import faulty
from .child import ERR, OUT, start
from .faults import DONE, KILLED, RECOVERED, TOLD, Fault

LIMIT = 30.0  # seconds from a fault to the end of the command, or to the next iteration
WHOLE = 300.0  # seconds that one command may take in all
LOOK_EVERY = 0.005
ONE_MESSAGE = 8  # lines
HOW_TO_GO_ON = ("resume", "There is no checkpoint yet", "or choose another folder")
"""One of these is said: the last where not even the folder of the run could be made."""
LEARNER = b"learner"
PROBE = 0.01  # seconds of processor time


@dataclass
class Ended:
    """How a command ended.

    Attributes:
        code: exit code, or minus the signal that ended it.
        began: moment of its start, like all moments by the monotonic clock of the machine.
        ended: moment of its end.
        rows: moments of its iterations.
        calls: of the operating system that it took, if it came to its end.
        fired: kind of fault -> moment.
        problems: what should not have been.
    """

    code: int
    began: float
    ended: float
    rows: list[float] = field(default_factory=list)
    calls: int = 0
    fired: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pace:
    """How long things take here, which says when they are due.

    Attributes:
        seconds: that what is left of the run takes.
        steps: of the market in what is left of it.
        calls: of the operating system in what is left of it.
    """

    seconds: float
    steps: int
    calls: int


def busy() -> float:
    """Seconds that a second of processor time takes now; time limits grow with it."""
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < PROBE:
        pass
    return max(1.0, (time.monotonic() - began) / PROBE)


def attempt(
    arguments: Sequence[str], run: Path, folder: Path, faults: Sequence[Fault], pace: Pace
) -> Ended:
    """Give a command, let its faults happen, and see how it ends.

    Args:
        arguments: of the command.
        run: folder of the run that it works on.
        folder: for what belongs to this attempt alone; made anew.
        faults: that are to happen.
        pace: says when.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _plan_steps(folder, faults, pace)
    scale, began = busy(), time.monotonic()
    pid = start(arguments, folder, faults, pace.calls)
    signals = {
        began + fault.share * pace.seconds: fault
        for fault in faults
        if fault.what.where == "outside" and fault.what.ends
    }
    second = next((fault for fault in faults if fault.kind == "two resumes"), None)
    learner = next((fault for fault in faults if fault.what.where == "learner"), None)
    fired: dict[str, float] = {}
    problems: list[str] = []
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        now = time.monotonic()
        if done:
            break
        for due in [due for due in signals if due <= now]:
            fault = signals.pop(due)
            fired[fault.name] = now
            os.kill(pid, signal.SIGKILL if fault.kind == "killed" else signal.SIGTERM)
        moments, seen = _events(folder)
        if learner and moments and now >= began + learner.share * pace.seconds and _kill_learner():
            fired[learner.name], learner = now, None
        if second and moments:  # it holds the lock
            fired[second.name] = now
            problems += _resume_too(run, folder, second, scale)
            second = None
        stalled = _silent_since(began, moments, fired | seen, faults)
        late = LIMIT if stalled > began else WHOLE
        if now - stalled > late * (scale := max(scale, busy())):
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            problems.append(f"hang: {now - stalled:.0f} s after {list(fired | seen)}")
            done, status, now = pid, signal.SIGKILL, time.monotonic()
            break
        time.sleep(LOOK_EVERY)
    rows, seen = _events(folder)
    ended = Ended(os.waitstatus_to_exitcode(status), began, now, rows, 0, seen | fired, problems)
    ended.calls = int(seen.pop("calls", 0))
    ended.fired.pop("calls", None)
    return ended


def judge(ended: Ended, folder: Path, faults: Sequence[Fault]) -> None:
    """Add what is wrong with the way in which a command ended to its problems."""
    out, err = ((folder / name).read_text(errors="replace") for name in (OUT, ERR))
    ending = next((f for f in faults if f.what.ends and f.name in ended.fired), None)
    expected = ending.what.ends if ending else (DONE,)
    if ending and ending.what.where in ("outside", "learner"):
        expected = (*expected, DONE)  # a signal may come when all is done
    problems = ended.problems
    if ended.code not in expected and not any(p.startswith("hang") for p in problems):
        problems.append(f"ended with {ended.code}, not {expected}: {_short(err or out)}")
    for fault in faults:
        if fault.what.says and fault.name in ended.fired and fault.kind != "two resumes":
            began_to_work = ended.code != KILLED or ended.rows
            wants_message = began_to_work if not fault.what.ends else ended.code in (TOLD, 1)
            if wants_message and fault.what.says not in out + err:
                problems.append(f"{fault.kind}: nothing says {fault.what.says!r}: {_short(err)}")
    if ended.code == TOLD:
        lines = err.strip().splitlines()
        if not err.startswith("pacesetter: ") or len(lines) > ONE_MESSAGE or "Traceback" in err:
            problems.append(f"not one message, but {len(lines)} lines: {_short(err)}")
        if not any(text in err for text in HOW_TO_GO_ON):
            problems.append(f"nothing says how to go on: {_short(err)}")


def _plan_steps(folder: Path, faults: Sequence[Fault], pace: Pace) -> None:
    for number, fault in enumerate(faults):
        if fault.what.where in ("driver", "worker"):
            kind = fault.kind.removesuffix(" once")
            once = fault.kind in RECOVERED or kind in ("is stopped", "node dies")
            step = 1 + int(fault.share * pace.steps)
            plan = {"name": fault.name, "kind": kind, "step": step, "once": once}
            plan["where"] = fault.what.where
            write_whole(folder / faulty.STEP_FAULTS.format(number), json.dumps(plan))


def _kill_learner() -> bool:
    """Kill one of several learners by the name that Ray gives its process; whether there is one."""
    for pid in of_session(os.environ["RAY_TMPDIR"]):
        with contextlib.suppress(OSError):
            if LEARNER in Path(f"/proc/{pid}/cmdline").read_bytes().lower():
                os.kill(pid, signal.SIGKILL)
                return True
    return False


def _events(folder: Path) -> tuple[list[float], dict[str, float]]:
    """Moments of iterations, and kind of fault -> moment; ``calls`` -> their number."""
    rows: list[float] = []
    fired: dict[str, float] = {}
    file = folder / faulty.EVENTS
    for line in file.read_text().splitlines() if file.exists() else ():
        moment, event, *detail = line.split(" ", 2)
        if event == "row":
            rows.append(float(moment))
        elif event == "calls":
            fired["calls"] = float(detail[0])
        else:
            fired.setdefault(" ".join(detail).strip(), float(moment))
    return rows, fired


def _silent_since(
    began: float, rows: list[float], fired: dict[str, float], faults: Sequence[Fault]
) -> float:
    """Since when something has been due: from the last fault, or iteration after it, on."""
    watched = {fault.name for fault in faults if fault.what.ends or fault.kind in RECOVERED}
    moments = [moment for kind, moment in fired.items() if kind in watched]
    if not moments:
        return began
    return max([*moments, *rows])


def _resume_too(run: Path, folder: Path, fault: Fault, scale: float) -> list[str]:
    """Go on with a run that a command is at work on; what is wrong with the answer."""
    second = folder / "second"
    second.mkdir()
    pid = start(["train", "--resume", str(run), "--quiet"], second, (), 0)
    deadline = time.monotonic() + LIMIT * scale
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return ["hang: a second resume of the same folder"]
        time.sleep(LOOK_EVERY)
    said = (second / ERR).read_text(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    if code == DONE:  # the first had come to the end of training, and let go of the folder
        return []
    if code != TOLD or fault.what.says not in said:
        return [f"a second resume of the same folder ended with {code}: {_short(said)}"]
    return []


def _short(text: str) -> str:
    return text.strip()[-300:]
