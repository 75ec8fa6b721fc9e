"""Checks in a process of their own: whatever a market's code does, the command ends with a word.

Code that exits, crashes the interpreter or never returns takes that process with it, and the reason
is told: with which check, and where in the user's code.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import IO, Any

from ..core.dotted import is_users, told
from ..core.errors import PacesetterError
from ..core.market import Market
from ..registry import make
from .contract import finite_values, shapes_and_types
from .play import FaultError
from .report import Report, check_market, require_playable

LIMIT = 600.0  # seconds that one check may take
TRIAL_STEPS = 15  # of the longest that a step may take, in which a trial must have ended
PATIENCE = 10.0  # seconds until a wait is told, and from then on between such words
TRIED_STEPS = 5
Tell = Callable[[str, Any], None]
"""What a part of the work says: its kind, and what it has to say."""


def check_apart(name: str, chosen: Mapping[str, Any], limit: float = LIMIT) -> bool:
    """Check a market and its variants, print every report, and say whether all is well.

    Args:
        name: of the market, or ``module:Environment``.
        chosen: its options; if there are none, its variants are checked too.
        limit: seconds that one check may take.

    Raises:
        PacesetterError: the market cannot be made or played, or ended or stopped the process.
    """
    passed = []

    def show(kind: str, content: Any) -> None:
        if kind == "report":
            passed.append(content.ok)
        print(content, flush=True)

    cure = "Mend what waits there, or allow more with --limit"
    _apart(_check, (name, dict(chosen)), show, limit, cure, name)
    return all(passed)


def try_apart(market: Market, limit: float) -> None:
    """Play a few steps of a user's market before hours are spent on training in it.

    Args:
        market: that is tried.
        limit: seconds that all of it may take.

    Raises:
        PacesetterError: it does not keep to what it declares, fails, exits or does not return.
    """
    cure = "Mend what waits there; so slow a market cannot be trained in"
    _apart(_try, (market,), lambda kind, content: None, limit, cure, market.name)


def is_of_a_user(market: Market) -> bool:
    """Whether a market, or the environment in it, is not one of ours."""
    return not type(market).__module__.startswith(f"{__package__.rpartition('.')[0]}.")


# In the process of its own ------------------------------------------------------------------------


def _check(tell: Tell, name: str, chosen: dict[str, Any]) -> None:
    tell("doing", "making the market")
    market = make(name, **chosen)
    require_playable(market)
    # Where nothing is chosen, the market itself says what else is worth checking.
    variants = [] if chosen else [variant for variant in type(market).variants if variant]
    for variant in [chosen, *variants]:
        tell("title", ", ".join(f"{k}={value}" for k, value in variant.items()) or "defaults")
        report: Report = check_market(
            make(name, **variant), watch=lambda check: tell("doing", f"check {check!r}")
        )
        tell("report", report)
        if not report.ok:
            return


def _try(tell: Tell, market: Market) -> None:
    tell("doing", "trying the market before training")
    try:
        require_playable(market)
        for check in (shapes_and_types, finite_values):
            check(market, TRIED_STEPS, 0)
    except FaultError as fault:
        raise PacesetterError(
            f"market {market.name!r} does not keep to what it declares: {fault}. Correct it; "
            f"'pacesetter check {market.name}' tries every promise."
        ) from None


def _child(pipe: Connection, log: IO[str], work: Callable[..., None], arguments: Any) -> None:
    faulthandler.enable(log)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, log, all_threads=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent answers Ctrl-C, and ends this

    def tell(kind: str, content: Any) -> None:
        sys.stdout.flush()
        pipe.send((kind, content))

    try:
        work(tell, *arguments)
    except PacesetterError as error:
        tell("refused", str(error))
    except SystemExit as error:
        tell("refused", f"{told(error)}: the market's code ends the program")
    except Exception:
        tell("broken", traceback.format_exc())
    else:
        tell("done", None)


# In the process that waits ------------------------------------------------------------------------


def _apart(
    work: Callable[..., None], arguments: Any, show: Tell, limit: float, cure: str, name: str
) -> None:
    """Do some work in a process of its own and show what it says."""
    # A fork has imported everything already; elsewhere than on Linux it is not safe.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    receiving, sending = context.Pipe(duplex=False)
    with tempfile.TemporaryFile("w+") as log:
        process = context.Process(target=_child, args=(sending, log, work, arguments), daemon=True)
        sys.stdout.flush()
        process.start()
        sending.close()
        try:
            _listen(process, receiving, log, show, limit, cure, name)
        finally:
            process.kill()
            process.join()
            receiving.close()


def _listen(
    process: Any, pipe: Connection, log: IO[str], show: Tell, limit: float, cure: str, name: str
) -> None:
    doing, began = "starting", time.monotonic()
    while True:
        waited = time.monotonic() - began
        if waited > limit:
            raise PacesetterError(
                f"market {name!r}: {doing} did not end within {limit:g} s"
                f"{_place_in(log, process.pid)}. {cure}."
            )
        until_word = PATIENCE - waited % PATIENCE
        if not pipe.poll(min(until_word, limit - waited + 0.01)):
            if (waited := time.monotonic() - began) >= PATIENCE:
                print(f"{doing}: {waited:.0f} s so far", file=sys.stderr, flush=True)
            continue
        try:
            kind, content = pipe.recv()
        except EOFError:
            process.join()
            raise PacesetterError(
                f"market {name!r}: during {doing} its code {_end(process.exitcode)}"
                f"{_place_in(log)}."
            ) from None
        began = time.monotonic()
        if kind == "doing":
            doing = content
        elif kind == "refused":
            raise PacesetterError(content)
        elif kind == "broken":
            raise RuntimeError(f"in the process of the checks:\n{content}")
        elif kind == "done":
            return
        else:
            show(kind, content)


def _end(code: int) -> str:
    if code >= 0:
        return f"ended the program with exit code {code}, as os._exit does"
    return f"crashed the interpreter ({signal.Signals(-code).name})"


def _place_in(log: IO[str], ask: int | None = None) -> str:
    """Where the process was, by what `faulthandler` wrote; `ask` is its id if it still runs."""
    if ask is not None and hasattr(signal, "SIGUSR1"):
        os.kill(ask, signal.SIGUSR1)
        time.sleep(0.5)
    log.seek(0)
    frames = re.findall(r'File "([^"]+)", line (\d+) in', log.read())
    own = [frame for frame in frames if is_users(frame[0])]
    return f", at {own[0][0]}:{own[0][1]}" if own else ""
