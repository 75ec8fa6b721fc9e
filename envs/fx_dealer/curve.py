"""A flow curve from a file: which share of requests is dealt at which mark-up, by tier.

The columns are ``tier``, ``offset`` (mark-up, bp) and ``share`` (of the requests that are shown it,
dealt). Every tier needs a share at each of the same offsets. α and β follow by least squares on the
logits of the shares, which a logit curve meets exactly.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from ..core.errors import PacesetterError, unknown

COLUMNS = ("tier", "offset", "share")
LOWEST, HIGHEST = -0.4, 2.0  # mark-ups that dealers may quote
LEAST_POINTS = 2
Curve = dict[str, dict[float, float]]
"""Tier -> offset -> share."""


def read_curve(path: str, tiers: tuple[str, ...]) -> Curve:
    """The points of a flow curve.

    Raises:
        PacesetterError: the file cannot be read, lacks a column, has a tier that the market does
            not, a share that is none, a mark-up out of range, one point twice, or points missing.
    """
    curve: Curve = {tier: {} for tier in tiers}
    for line, row in _lines(path):
        tier, offset, share = row["tier"], row["offset"], row["share"]
        where = f"flow curve {path}:{line}"
        if tier not in curve:
            raise unknown(f"tier in {where}:", tier, tiers)
        try:
            markup, part = float(offset), float(share)
        except (TypeError, ValueError):
            raise PacesetterError(
                f"{where}: offset {offset!r} and share {share!r} must be numbers; give the missing "
                "one, or leave the line out for every tier."
            ) from None
        if not LOWEST <= markup <= HIGHEST:
            raise PacesetterError(
                f"{where}: the mark-up {markup:g} bp is out of range: dealers quote from "
                f"{LOWEST:g} to {HIGHEST:g} bp; offsets are in bp from the mid."
            )
        if not 0.0 < part < 1.0:
            raise PacesetterError(
                f"{where}: the share {part:g} must lie between 0 and 1, neither of them."
            )
        if markup in curve[tier]:
            raise PacesetterError(
                f"{where}: offset {markup:g} of tier {tier!r} stands there twice."
            )
        curve[tier][markup] = part
    _complete(path, curve)
    return curve


def _lines(path: str) -> list[tuple[int, dict[str, str]]]:
    try:
        with Path(path).expanduser().open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or ()
            lines = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PacesetterError(
            f"flow curve {path!r} cannot be read: {error}. Give the path of a CSV file with the "
            f"columns {', '.join(COLUMNS)}."
        ) from error
    for column in COLUMNS:
        if column not in header:
            raise unknown(f"column of flow curve {path!r}:", column, header)
    return lines


def _complete(path: str, curve: Curve) -> None:
    offsets = sorted({offset for points in curve.values() for offset in points})
    for tier, points in curve.items():
        missing = [f"{offset:g}" for offset in offsets if offset not in points]
        if missing or len(points) < LEAST_POINTS:
            what = f"points at {', '.join(missing)} bp" if missing else "a second point"
            raise PacesetterError(
                f"flow curve {path}: tier {tier!r} has no {what}; every tier needs a share at each "
                f"of the same offsets, at least {LEAST_POINTS}."
            )


def fitted(path: str, tiers: tuple[str, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """α and β of each tier.

    Raises:
        PacesetterError: as `read_curve`, or shares that do not fall as mark-ups rise.
    """
    alphas, betas = [], []
    for tier, points in read_curve(path, tiers).items():
        offset, share = np.array(sorted(points.items())).T
        beta, alpha = _line(offset, -logit(share))
        if beta <= 0.0:
            raise PacesetterError(
                f"flow curve {path}: in tier {tier!r} more is dealt at higher mark-ups; offsets "
                "count what clients pay, so that shares fall."
            )
        alphas.append(alpha)
        betas.append(beta)
    return tuple(alphas), tuple(betas)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    slope, level = np.polyfit(x, y, 1)
    return float(slope), float(level)
