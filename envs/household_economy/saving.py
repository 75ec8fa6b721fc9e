"""Optimal saving in closed form, to hold learned households to."""

from __future__ import annotations

from ..core.errors import PacesetterError


def saving_share(
    discount: float, steps_left: int | None = None, progressivity: float = 0.0
) -> float:
    """The optimal p of a household that lives on capital income alone, with utility log c.

    Resources one year later are ``A (p M)^(1 − ξ)`` for some A, whatever it is; then p = b over an
    infinite horizon, and p = s / (1 + s), ``s = b (1 − bⁿ)/(1 − b)``, with n decisions left after
    this one, where ``b = β (1 − ξ)`` (Brock & Mirman 1972).

    Args:
        discount: β in [0, 1).
        steps_left: n; None: infinitely many.
        progressivity: ξ of both taxes, where their revenue is not given back.

    Raises:
        PacesetterError: an argument out of its range.
    """
    b = discount * (1.0 - progressivity)
    if not (0 <= discount < 1 and 0 <= progressivity < 1) or (steps_left or 0) < 0:
        raise PacesetterError(
            "saving_share needs 0 ≤ discount < 1, 0 ≤ progressivity < 1 and steps_left ≥ 0, got "
            f"{discount:g}, {progressivity:g} and {steps_left}."
        )
    if steps_left is None:
        return b
    s = b * (1.0 - b**steps_left) / (1.0 - b)
    return s / (1.0 + s)
