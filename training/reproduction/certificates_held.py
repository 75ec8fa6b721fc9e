"""Which intervals of certificates hold the exact gap, and by how much the others miss it."""

from __future__ import annotations

from typing import Any

import numpy as np

FOLLOWERS, LEADER = "trained response of followers, exact gap held", "leader, exact gap held"
ALL, ORDERED = "both, exact gap held", "trained response not above the upper bound"
COVERED, LEAST_OF_A_KIND = (0.9, 0.99), 0.9
SIDES = {FOLLOWERS: "followers", LEADER: "leader"}
"""Whose gap has an exact value, and what it is called in a row."""
Found = dict[str, Any]
"""A certificate, with its seed and its exact gap."""
Rows = list[tuple[str, list[Found]]]
"""Of every answer, its name and its certificates."""


def missed_by(found: Found) -> dict[str, float]:
    """By how much intervals of a certificate miss the exact gap, in percent of what is at stake.

    A trained response bounds a gain from below. Where the market knows the gap itself, the interval
    must hold it; an upper bound must only not lie below it. Those that hold it miss by 0.
    """
    figures, missed = found["figures"], {}
    for name in figures:
        if name.startswith("followers/") and name.endswith("/one/gain"):
            group = name.removesuffix("/one/gain")
            low, high, stake = (
                figures[f"{group}/one/{end}"] for end in ("gain_low", "gain_high", "stake")
            )
            if (exact := figures.get(f"{group}/exact/gain")) is not None:
                missed[FOLLOWERS] = 100.0 * _outside(exact, low, high) / stake
            if (most := figures.get(f"{group}/bound/gain_high")) is not None:
                missed[ORDERED] = 100.0 * max(low - most, 0.0) / stake
    if "exact_gain" in found:
        low, high, stake = (
            figures[f"leader/rival/{end}"] for end in ("gain_low", "gain_high", "stake")
        )
        missed[LEADER] = 100.0 * _outside(found["exact_gain"], low, high) / stake
    return missed


def _outside(value: float, low: float, high: float) -> float:
    """How far a value lies outside of an interval."""
    return max(low - value, value - high, 0.0)


def said_of_misses(rows: Rows) -> list[str]:
    """What is said of every interval that does not hold the exact gap."""
    told = [
        f"{label}, seed {one['seed']}: {SIDES[kind]} by {missed:.2g} %"
        for label, found in rows
        for one in found
        for kind, missed in missed_by(one).items()
        if kind in SIDES and missed > 0.0
    ]
    if not told:
        return []
    return [
        "",
        "Intervals that miss the exact gap, by how much of what is at stake (that of a trained "
        f"response is of what it gains, and not of what it has still to learn): {'; '.join(told)}.",
    ]


def coverage(rows: Rows) -> dict[str, tuple[float, int]]:
    """Share of intervals that hold the exact gap, over all cases and seeds, by kind; and of how
    many."""
    by_kind: dict[str, list[bool]] = {FOLLOWERS: [], LEADER: [], ALL: [], ORDERED: []}
    for _, found in rows:
        for one in found:
            for kind, missed in missed_by(one).items():
                by_kind[kind].append(missed == 0.0)
                if kind != ORDERED:
                    by_kind[ALL].append(missed == 0.0)
    return {kind: (float(np.mean(held)), len(held)) for kind, held in by_kind.items() if held}


def holding(found: list[Found]) -> str:
    """By side, how many intervals hold the exact gap."""
    told = []
    for kind, side in SIDES.items():
        held = [missed[kind] == 0.0 for one in found if kind in (missed := missed_by(one))]
        if held:
            enough = sum(held) >= LEAST_OF_A_KIND * len(held)
            told.append(f"{side} {sum(held)}" if enough else f"{side} **{sum(held)}**")
    return ", ".join(told)
