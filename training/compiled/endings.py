"""What becomes of a tile's sums before they are written: activations, and slopes through them.

When the last term has been added, the sums are in registers. There an activation takes a few
instructions, and so do its derivative and the sum of slopes over rows; each in a pass of its own
would wait for the second cache twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from .elementwise import ABOVE, BELOW, LARGEST
from .vectors import LONG, every, fused, load, store

LINEAR, TANH, RELU, THROUGH_TANH, THROUGH_RELU = range(5)
"""Sums as they are; an activation of them; slopes, through an activation that put out `kept`."""
THROUGH = THROUGH_TANH - TANH
"""From an activation to what takes slopes through it."""


def end(
    builder: Any,
    ending: Any,
    sums: Sequence[Sequence[Any]],
    kept: Sequence[Sequence[Any]],
    totals: Sequence[Any],
) -> None:
    """Write what follows the last term.

    Args:
        ending: one of the above, when code runs.
        sums: of a tile, by row and vector: pointers to places that become registers; changed.
        kept: pointers to what the activation put out, laid out as the sums.
        totals: pointers to sums over all rows, one per vector; slopes are added to them in order.
    """
    for number, change in _changes(builder).items():
        with builder.if_then(builder.icmp_signed("==", ending, ir.Constant(LONG, number))):
            for own, places in zip(sums, kept, strict=True):
                for total, where in zip(own, places, strict=True):
                    builder.store(change(builder.load(total), where), total)
            if number > THROUGH:
                for vector, where in enumerate(totals):
                    whole = load(builder, where)
                    for own in sums:
                        whole = builder.fadd(whole, builder.load(own[vector]))
                    store(builder, whole, where)


def _changes(builder: Any) -> dict[int, Callable[[Any, Any], Any]]:
    """By ending, from a vector of sums and a pointer to what was put out, to what is written."""
    zero, one = every(0.0), every(1.0)

    def relu(value: Any, _: Any) -> Any:
        below = builder.fcmp_ordered("<", value, zero)  # what is no number stays
        return builder.select(below, zero, value)

    def through_tanh(slope: Any, where: Any) -> Any:
        result = load(builder, where)
        return builder.fmul(slope, fused(builder, builder.fneg(result), result, one))

    def through_relu(slope: Any, where: Any) -> Any:
        above = builder.fcmp_ordered(">", load(builder, where), zero)
        return builder.select(above, slope, zero)

    return {
        TANH: lambda value, _: tanh(builder, value),
        RELU: relu,
        THROUGH_TANH: through_tanh,
        THROUGH_RELU: through_relu,
    }


def tanh(builder: Any, x: Any) -> Any:
    """`elementwise.tanh` of a vector, operation by operation."""
    for bound, side in ((LARGEST, ">"), (-LARGEST, "<")):
        limit = every(bound)
        x = builder.select(builder.fcmp_ordered(side, x, limit), limit, x)
    square = builder.fmul(x, x)

    def polynomial(coefficients: Sequence[Any]) -> Any:
        value = every(coefficients[0])
        for coefficient in coefficients[1:]:
            value = fused(builder, value, square, every(coefficient))
        return value

    return builder.fdiv(builder.fmul(x, polynomial(ABOVE)), polynomial(BELOW))
