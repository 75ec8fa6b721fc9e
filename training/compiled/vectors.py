"""Vectors of single precision for code that is written out for the processor, and what it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsFloat

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, config

FEATURES = llvmlite.binding.get_host_cpu_features()
AVX512 = bool(FEATURES.get("avx512f"))
LANES = 16 if AVX512 else 8
"""Numbers of a vector."""
IN_VECTORS = bool(FEATURES.get("avx2") and FEATURES.get("fma") and not config.DISABLE_JIT)
"""Whether what is written out for vectors is used on this processor."""
NUMBER, LONG, SHORT = ir.FloatType(), ir.IntType(64), ir.IntType(32)
VECTOR = ir.VectorType(NUMBER, LANES)
_FIRST = ir.Constant(ir.VectorType(SHORT, LANES), [0] * LANES)


def every(number: SupportsFloat) -> Any:
    """A vector of a number that is known when code is made."""
    return ir.Constant(VECTOR, [ir.Constant(NUMBER, float(number))] * LANES)


def spread(builder: Any, number: Any) -> Any:
    """A vector of a number that is known when code runs."""
    nothing = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(SHORT, 0))
    return builder.shuffle_vector(one, nothing, _FIRST)


def place(builder: Any, data: Any, first: Any, vector: int) -> Any:
    """Pointer to a vector of an array, so many vectors after its number `first`."""
    where = builder.gep(data, [builder.add(first, ir.Constant(LONG, LANES * vector))])
    return builder.bitcast(where, VECTOR.as_pointer())


def load(builder: Any, pointer: Any) -> Any:
    """A vector from anywhere among single numbers."""
    return builder.load(pointer, align=4)


def store(builder: Any, value: Any, pointer: Any) -> None:
    """A vector to anywhere among single numbers."""
    builder.store(value, pointer, align=4)


def across(builder: Any, value: Any, combined: Callable[[Any, Any], Any]) -> Any:
    """One number from those of a vector, by halves."""
    half = LANES
    while half > 1:
        half //= 2
        order = [lane ^ half for lane in range(LANES)]
        other = builder.shuffle_vector(value, value, ir.Constant(_FIRST.type, order))
        value = combined(value, other)
    return builder.extract_element(value, ir.Constant(SHORT, 0))


def fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""
    return called(builder, "fma", VECTOR, [a, b, c])


def called(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """One of LLVM's own functions of vectors, by its name without the vector's kind."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    full = f"llvm.{name}.v{LANES}f32"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, full), arguments)
