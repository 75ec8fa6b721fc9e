"""What is swept: keys with several values or a range, and the points that are tried.

| on the command line | means |
|---|---|
| ``leader.interval=5,10`` | these values |
| ``market.firms=1..5`` | 1, 2, 3, 4, 5; with ``--samples`` one of them at random |
| ``leader.learning_rate=1e-4..1e-2`` | with ``--samples`` alone: at random between, evenly in the logarithm where the ends are positive and more than tenfold apart |
| ``training.iterations=50`` | the same in every trial |
"""  # noqa: E501

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...envs.core.errors import PacesetterError
from ..experiments.load import load_experiment
from ..experiments.yaml_file import parse_value

MOST_TRIALS = 1000
_RANGE = re.compile(r"([^.,\s]+(?:\.\d+)?(?:[eE][-+]?\d+)?)\.\.([^,\s]+)")
_OPENING, _CLOSING = "[{", "]}"


@dataclass(frozen=True)
class Swept:
    """A key and what it takes.

    Attributes:
        key: dotted, as on the command line.
        values: all of them; empty: any number between the ends.
        low, high: ends, of a range of real numbers.
    """

    key: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0

    def drawn(self, generator: np.random.Generator) -> str:
        """A value at random."""
        if self.values:
            return self.values[int(generator.integers(len(self.values)))]
        if self.low > 0 and self.high > 10 * self.low:
            exponent = generator.uniform(np.log(self.low), np.log(self.high))
            return f"{float(np.exp(exponent)):.6g}"
        return f"{float(generator.uniform(self.low, self.high)):.6g}"

    def ends(self) -> tuple[str, ...]:
        """Values that show whether all are allowed."""
        return self.values or (repr(self.low), repr(self.high))


def read(texts: Sequence[str], samples: int | None) -> tuple[list[Swept], list[str]]:
    """What is swept, and the overrides that hold in every trial.

    Raises:
        PacesetterError: nothing is swept, or a range of real numbers without `samples`.
    """
    swept: list[Swept] = []
    fixed = []
    for text in texts:
        key, _, value = text.partition("=")
        found = _range(key.strip(), value.strip()) or _list(key.strip(), value)
        if found is None:
            fixed.append(text)
            continue
        if any(other.key == found.key for other in swept):
            raise PacesetterError(f"{found.key} is swept twice; give all its values in one place.")
        if not found.values and samples is None:
            raise PacesetterError(
                f"{text!r} is a range of real numbers, of which no grid can be made: name values, "
                f"{found.key}={found.low:g},{found.high:g}, or draw from it with --samples N."
            )
        swept.append(found)
    if not swept:
        raise PacesetterError(
            "nothing is swept: give a key several values, such as leader.interval=5,10 or "
            "market.firms=1..5."
        )
    return swept, fixed


def _range(key: str, value: str) -> Swept | None:
    match = _RANGE.fullmatch(value)
    if match is None:
        return None
    try:
        low, high = (parse_value(end) for end in match.groups())
    except PacesetterError:
        return None
    if not all(type(end) in (int, float) for end in (low, high)):
        return None
    if not low < high:
        raise PacesetterError(f"{key}={value}: a range goes from the smaller to the larger number.")
    if type(low) is int and type(high) is int:
        if high - low >= MOST_TRIALS:
            raise PacesetterError(f"{key}={value}: these are more than {MOST_TRIALS} values.")
        return Swept(key, tuple(map(str, range(low, high + 1))))
    return Swept(key, (), float(low), float(high))


def _list(key: str, value: str) -> Swept | None:
    """Split at the commas outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in value:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        depth += (sign in _OPENING) - (sign in _CLOSING) if not quote else 0
        if sign == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    if len(parts) == 1:
        return None
    if not all(part.strip() for part in parts):
        raise PacesetterError(f"{key}={value}: a value is missing between two commas.")
    return Swept(key, tuple(dict.fromkeys(part.strip() for part in parts)))


def points(swept: Sequence[Swept], samples: int | None, seed: int = 0) -> list[dict[str, str]]:
    """Every combination, or so many at random, key -> value.

    Raises:
        PacesetterError: there are too many.
    """
    if samples is not None:
        generator = np.random.default_rng(seed)
        return [{one.key: one.drawn(generator) for one in swept} for _ in range(samples)]
    number = int(np.prod([len(one.values) for one in swept], dtype=object))
    if number > MOST_TRIALS:
        raise PacesetterError(
            f"the grid has {number:,} points, and at most {MOST_TRIALS:,} are tried; name fewer "
            "values, or draw some of them with --samples N."
        )
    keys = [one.key for one in swept]
    grid = itertools.product(*(one.values for one in swept))
    return [dict(zip(keys, values, strict=True)) for values in grid]


def check(source: str, fixed: Sequence[str], swept: Sequence[Swept]) -> Any:
    """Load the experiment with every value of every key, so that none fails hours later.

    Returns:
        The experiment with the first of them.

    Raises:
        PacesetterError: a key does not exist, or a value is not allowed.
    """
    first = {one.key: one.ends()[0] for one in swept}
    experiment = load_experiment(source, [*fixed, *overrides(first)])
    for one in swept:
        for value in one.ends()[1:]:
            load_experiment(source, [*fixed, *overrides(first | {one.key: value})])
    return experiment


def overrides(point: dict[str, str]) -> list[str]:
    """A point as it is written on the command line."""
    return [f"{key}={value}" for key, value in point.items()]
