"""How unequally something is held: Gini coefficient, Lorenz curve, shares of the top and bottom.

Every function takes amounts ``(B, N)`` of any Array-API namespace, N holders in B copies, and is
indifferent to the order of the holders and to the unit. Amounts that sum to nothing, or to
less, have no distribution: they count as equally held.

| function | equals | for one holder of everything |
|---|---|---|
| `gini` | mean absolute difference / (2 mean) | 1 − 1/N |
| `lorenz_curve` | share held by the poorest k of N | 0, …, 0, 1 |
| `top_share`, `bottom_share` | share held by the richest, poorest part | 1, 0 |
"""

from __future__ import annotations

from typing import Any

from ..core.arrays import Array, at_least, namespace, place_of, row_sum

SOMETHING = 1e-37  # less than any sum of amounts other than nothing, in single precision too


def gini(amounts: Array) -> Array:
    """Gini coefficient of each copy, ``(B,)``, between 0 and 1 − 1/N for amounts ≥ 0."""
    xp = namespace(amounts)
    return gini_of_sorted(xp, xp.sort(amounts, axis=1))


def gini_of_sorted(xp: Any, ascending: Array) -> Array:
    """The same of amounts ``(B, N)`` that are sorted already.

    ``1 − (2 Σ_k S_k − S_N) / (N S_N)`` with the partial sums ``S_k``; the double sum is written as
    one weighted sum over ranks.
    """
    number = ascending.shape[1]
    rank = xp.arange(1 - number, number + 1, 2, **place_of(ascending))
    total = number * row_sum(xp, ascending)
    weighed = xp.matmul(ascending, rank)
    return xp.where(total > 0, weighed, 0.0) / at_least(xp, total, SOMETHING)


def lorenz_curve(amounts: Array) -> Array:
    """Share held by the poorest 0, 1, …, N holders, ``(B, N + 1)``, from 0 to 1."""
    xp = namespace(amounts)
    partial = xp.cumulative_sum(xp.sort(amounts, axis=1), axis=1, include_initial=True)
    total = partial[:, -1:]
    equal = xp.linspace(0.0, 1.0, partial.shape[1], **place_of(partial))
    return xp.where(total > 0, partial / xp.where(total > 0, total, 1.0 + 0 * total), equal)


def top_share(amounts: Array, part: float) -> Array:
    """Share held by the richest `part` of the holders (at least one of them), ``(B,)``."""
    held = lorenz_curve(amounts)
    return 1.0 - held[:, -1 - holders(part, amounts.shape[1])]


def bottom_share(amounts: Array, part: float) -> Array:
    """Share held by the poorest `part` of the holders (at least one of them), ``(B,)``."""
    return lorenz_curve(amounts)[:, holders(part, amounts.shape[1])]


def holders(part: float, number: int) -> int:
    """How many of `number` holders make up this part; never none."""
    return max(1, int(part * number))
