"""Errors a user can act on: what is wrong, where, what is allowed, the nearest match, the cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_SHOWN = 25


class PacesetterError(ValueError):
    """Bad input. The message is complete: the command line prints it alone, without a traceback."""


class UnusableRewardError(PacesetterError):
    """A market's rewards are not one finite number per agent: what was learned before is kept."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` did you mean 'x'?`` for the closest of `known`, or an empty string."""
    matches = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def unknown(kind: str, name: object, known: Iterable[str]) -> PacesetterError:
    """An error for a name that is not in `known`, e.g. ``unknown('market', 'cobwep', names)``."""
    known = sorted(known)
    shown = ", ".join(known[:MOST_SHOWN])
    if len(known) > MOST_SHOWN:
        shown += f", … ({len(known)} in all)"
    return PacesetterError(
        f"unknown {kind} {name!r}{nearest(str(name), known) or '.'} Known: {shown}."
    )
