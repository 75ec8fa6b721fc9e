"""Whether a mean is zero or as large as a margin, asked again with every value that comes.

Wald's sequential probability ratio test (*Sequential Tests of Statistical Hypotheses*, 1945) of a
normal mean: 0 against +margin, and 0 against -margin. The variance is that of the values so far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..studies.statistics import deviation

FEWEST = 10  # values, of which a variance is taken


@dataclass(frozen=True)
class Verdict:
    """What the test says.

    Attributes:
        text: ``not different``, ``different`` or ``cannot tell yet``.
        used: values after which it said so.
        mean: of these.
        deviation: of these.
    """

    text: str
    used: int
    mean: float
    deviation: float


def sequential_test(
    values: Sequence[float], margin: float, alpha: float = 0.05, beta: float = 0.05
) -> Verdict:
    """Go through values until it can be told whether their mean is 0 or at least `margin` away.

    Args:
        values: in the order in which they came.
        margin: the smallest mean that matters, above 0.
        alpha: chance of ``different`` where the mean is 0, half of it for each side.
        beta: chance of ``not different`` where it is the margin.
    """
    side = alpha / 2
    accept, reject = math.log(beta / (1.0 - side)), math.log((1.0 - beta) / side)
    for used in range(FEWEST, len(values) + 1):
        seen = values[:used]
        spread, mean = deviation(seen), sum(seen) / used
        variance = max(spread, 1e-12) ** 2
        ratios = [used * (s * margin * mean - margin**2 / 2) / variance for s in (1, -1)]
        if max(ratios) >= reject:
            return Verdict("different", used, mean, spread)
        if max(ratios) <= accept:
            return Verdict("not different", used, mean, spread)
    used = len(values)
    mean = sum(values) / used if used else math.nan
    return Verdict("cannot tell yet", used, mean, deviation(values))
