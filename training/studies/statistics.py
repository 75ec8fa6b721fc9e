"""How far a mean may be off: standard errors and intervals, from values that are independent.

The leader's rewards in one episode are not, because the state goes on from interval to interval:
they count as one cluster. Between episodes nothing is carried over, as each has a start of its own.
What is no mean, or no mean of all, has its intervals from `resampling`.

For a mean over few seeds Student's t is the one to take: of five normal values it holds the true
mean in 95 % of all cases, of five exponential ones in 88 %. Over 12 or 60 clusters of values that
follow on each other it does in 95 to 96 %, and taking these for independent in half of all cases
(`tests/training/studies/test_statistics_theory.py`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]


def deviation(values: ArrayLike) -> float:
    """Standard deviation of what independent values ``(n,)`` are drawn from; NaN below two."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return float("nan")
    if np.ptp(values) == 0.0:  # and not what rounding makes of it
        return 0.0
    return float(values.std(ddof=1))


def standard_error(values: ArrayLike) -> float:
    """Standard error of the mean of independent values, ``(n,)``; NaN for fewer than two."""
    return float(deviation(values) / np.sqrt(max(1, np.size(values))))


def half_width(
    values: ArrayLike, level: float = 0.95, clusters: NDArray[np.int64] | None = None
) -> float:
    """Half of the interval that holds the mean of a normal distribution with chance `level`.

    By Student's t, from draws ``(n,)`` that are independent, or are so between `clusters`, ``(n,)``
    like in `clustered_standard_error`; NaN for fewer than two of them.
    """
    if clusters is None:
        error, number = standard_error(values), np.size(values)
    else:
        error = clustered_standard_error(np.asarray(values), clusters)
        number = len(np.unique(clusters))
    return float(stdtrit(number - 1, (1.0 + level) / 2) * error) if number > 1 else error


def mean_text(values: ArrayLike, digits: int) -> str:
    """``mean ± half-width`` of the interval of 95 %, or the mean alone if there is one value."""
    values = np.asarray(values, dtype=np.float64)
    mean = f"{values.mean():.{digits}g}"
    return f"{mean} ± {half_width(values):.2g}" if len(values) > 1 else mean


def finite(figures: dict[str, float]) -> dict[str, float]:
    """Those figures that are numbers: of one value there is no error."""
    return {name: value for name, value in figures.items() if np.isfinite(value)}


def clustered_standard_error(values: Floats, clusters: NDArray[np.int64]) -> float:
    """Standard error of the mean of values that are independent between clusters alone.

    For clusters of one size it is that of their means.

    Args:
        values: ``(n,)``.
        clusters: which cluster each value belongs to, ``(n,)``.

    Returns:
        The standard error; NaN for fewer than two clusters.
    """
    labels, index = np.unique(clusters, return_inverse=True)
    return _of_clusters(_pull(values, index, len(labels)))


def paired_standard_error(
    one: Floats, clusters_of_one: NDArray[np.int64], other: Floats, clusters_of_other: NDArray
) -> float:
    """Standard error of ``one.mean() - other.mean()``, whose clusters of one name go together.

    A cluster may have more values on one side than on the other. Arguments and result otherwise as
    those of `clustered_standard_error`.
    """
    labels, index = np.unique(
        np.concatenate([clusters_of_one, clusters_of_other]), return_inverse=True
    )
    of_one, of_other = np.split(index, [len(clusters_of_one)])
    return _of_clusters(_pull(one, of_one, len(labels)) - _pull(other, of_other, len(labels)))


def _pull(values: Floats, index: NDArray[np.int64], number: int) -> Floats:
    """By how much each cluster moves the mean of all, ``(number,)``; they sum to zero."""
    return np.bincount(index, weights=values - values.mean(), minlength=number) / len(values)


def _of_clusters(pull: Floats) -> float:
    number = len(pull)
    if number < 2:
        return float("nan")
    return float(np.sqrt(number / (number - 1) * (pull @ pull)))
