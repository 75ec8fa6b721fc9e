"""Softmax of a row, in vectors: its largest number, and then exponentials and their sums at once.

Rows of some hundred choices are no multiple of a vector. The last vector of a row lies over the one
before it, and what was counted there already is left out of the sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...envs.core.kernels.compiled import kernel
from .elementwise import (
    EXP,
    LEAST_EXPONENT,
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    exp_beyond,
)
from .vectors import (
    IN_VECTORS,
    LANES,
    LONG,
    SHORT,
    VECTOR,
    across,
    called,
    every,
    fused,
    load,
    place,
    spread,
    store,
)

f = np.float32
_WHOLE = ir.VectorType(SHORT, LANES)
_PLACES = ir.Constant(_WHOLE, list(range(LANES)))


@kernel(fused=True)
def softmax(values, first, count, result, at):
    """exp of numbers less their largest one.

    Args:
        values: flat; `count` numbers from `first` on are read.
        result: flat; as many are written from `at` on.

    Returns:
        The largest number, the sum of what was written, and that of its products with the numbers.
    """
    if IN_VECTORS and count >= LANES:
        return _softmax(values, first, count, result, at)
    most = values[first]
    for j in range(1, count):
        most = max(most, values[first + j])
    whole = np.empty(count, np.int32)
    written = result[at : at + count]
    exp_beyond(most, values[first : first + count], written, whole)
    total = weighted = f(0.0)
    for j in range(count):
        total += written[j]
        weighted += written[j] * values[first + j]
    return most, total, weighted


@intrinsic
def _softmax(_, values, first, count, result, at):
    signature = types.UniTuple(types.float32, 3)(
        values, types.int64, types.int64, result, types.int64
    )

    def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, first, count, _, at = arguments
        data = context.make_array(values)(context, builder, arguments[0]).data
        into = context.make_array(result)(context, builder, arguments[3]).data
        lanes = ir.Constant(LONG, LANES)
        last, zero = builder.sub(count, lanes), every(0.0)
        most = cgutils.alloca_once_value(builder, load(builder, place(builder, data, first, 0)))
        total, weighted = (cgutils.alloca_once_value(builder, zero) for _ in range(2))

        def vectors() -> Any:
            """Where each vector would begin, without end, and where it does."""
            start = ir.Constant(LONG, 0)
            return cgutils.for_range_slice(builder, start, count, lanes, LONG)

        def begin(start: Any) -> Any:
            return builder.select(builder.icmp_signed("<", start, last), start, last)

        def value_at(start: Any) -> Any:
            return load(builder, place(builder, data, builder.add(first, begin(start)), 0))

        def larger(one: Any, other: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", one, other), one, other)

        with vectors() as (start, _):
            builder.store(larger(value_at(start), builder.load(most)), most)
        largest = across(builder, builder.load(most), larger)
        beyond = spread(builder, largest)
        with vectors() as (start, _):
            value = value_at(start)
            power = exp(builder, builder.fsub(value, beyond))
            store(builder, power, place(builder, into, builder.add(at, begin(start)), 0))
            seen = builder.trunc(builder.sub(start, begin(start)), SHORT)
            new = builder.icmp_signed(">=", _PLACES, spread(builder, seen))
            power = builder.select(new, power, zero)
            builder.store(builder.fadd(builder.load(total), power), total)
            builder.store(fused(builder, power, value, builder.load(weighted)), weighted)
        sums = [across(builder, builder.load(own), builder.fadd) for own in (total, weighted)]
        return context.make_tuple(builder, signature.return_type, [largest, *sums])

    return signature, written


def exp(builder: Any, x: Any) -> Any:
    """`elementwise.exp_beyond` of a vector of numbers up to 0, operation by operation."""
    least = every(LEAST_EXPONENT)
    x = builder.select(builder.fcmp_ordered("<", x, least), least, x)
    turns = fused(builder, x, every(LOG2_E), every(0.5))
    rest = called(builder, "floor", VECTOR, [turns])
    for part in (LN2_HIGH, LN2_LOW):
        x = fused(builder, rest, every(-part), x)
    y = every(EXP[0])
    for coefficient in EXP[1:]:
        y = fused(builder, y, x, every(coefficient))
    y = fused(builder, builder.fmul(y, x), x, builder.fadd(x, every(1.0)))
    bias = ir.Constant(_WHOLE, [127] * LANES)
    power = builder.add(builder.fptosi(rest, _WHOLE), bias)
    scale = builder.shl(power, ir.Constant(_WHOLE, [23] * LANES))
    return builder.fmul(y, builder.bitcast(scale, VECTOR))
