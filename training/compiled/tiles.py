"""Products of matrices that keep their sums in registers, for processors with AVX2 or AVX-512.

Six rows of two vectors of eight numbers are twelve sums; with two vectors of the right side and one
of the left they fill the sixteen registers of AVX2. With AVX-512 there are twice as many, twice as
long: six rows of four vectors of sixteen. Nothing is packed first, as a library for matrices of any
size must: some hundred rows of the widths of followers' networks lie in the first caches as they
are. So each term is one instruction, always in the same order, and a row's result depends on no
other row. Columns come in strips as wide as a tile, so that the right side's part stays in the
first cache while all rows pass.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic

from ...envs.core.kernels.compiled import kernel

_FEATURES = llvmlite.binding.get_host_cpu_features()
AVX512 = bool(_FEATURES.get("avx512f"))
LANES = 16 if AVX512 else 8
"""Numbers of a vector; only results whose width they divide are made of tiles."""
STRIP = 4 if AVX512 else 2
"""Vectors of a tile's row."""
DEPTH = 64
"""Terms of a sum that are taken together, so that both sides of them lie in the first cache."""
IN_TILES = bool(_FEATURES.get("avx2") and _FEATURES.get("fma") and not config.DISABLE_JIT)
"""Whether products are made of tiles on this processor."""

_NUMBER, _LONG, _SHORT = ir.FloatType(), ir.IntType(64), ir.IntType(32)
_VECTOR = ir.VectorType(_NUMBER, LANES)
_EVERY = ir.Constant(ir.VectorType(_SHORT, LANES), [0] * LANES)
_NOTHING = ir.Constant(_VECTOR, ir.Undefined)


def _tile(rows: int, vectors: int) -> Any:
    """What writes a tile of `rows` times `vectors` vectors.

    Called with arrays ``(n,)`` and places in them, it writes, for p < rows and q < vectors · LANES,
    ``result[at + p · width + q] = start[begin + p · skip + q]
    + Σ_t left[first + p · row + t · step] · right[second + t · width + q]``, t < count.
    """

    @intrinsic
    def tile(
        _, left, first, row, step, right, second, start, begin, skip, result, at, width, count
    ):
        given = (
            left,
            first,
            row,
            step,
            right,
            second,
            start,
            begin,
            skip,
            result,
            at,
            width,
            count,
        )
        arrays = {0: left, 4: right, 6: start, 9: result}
        signature = types.void(*(arrays.get(k, types.int64) for k in range(len(given))))

        def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = {
                k: context.make_array(kind)(context, builder, arguments[k]).data
                for k, kind in arrays.items()
            }
            first, row, step, second, begin, skip, at, width, count = (
                arguments[k] for k in range(len(given)) if k not in arrays
            )
            sums = [
                [
                    cgutils.alloca_once_value(builder, _load(builder, data[6], place, vector))
                    for vector in range(vectors)
                ]
                for place in _steps(builder, begin, skip, rows)
            ]
            with cgutils.for_range(builder, count) as loop:
                place = builder.add(second, builder.mul(loop.index, width))
                terms = [_load(builder, data[4], place, vector) for vector in range(vectors)]
                place = builder.add(first, builder.mul(loop.index, step))
                for own, from_left in zip(sums, _steps(builder, place, row, rows), strict=True):
                    factor = _everywhere(builder, builder.load(builder.gep(data[0], [from_left])))
                    for total, term in zip(own, terms, strict=True):
                        builder.store(_fused(builder, factor, term, builder.load(total)), total)
            for own, place in zip(sums, _steps(builder, at, width, rows), strict=True):
                for vector, total in enumerate(own):
                    where = _pointer(builder, data[9], place, vector)
                    builder.store(builder.load(total), where, align=4)
            return context.get_dummy_value()

        return signature, written

    return tile


def _steps(builder: Any, first: Any, step: Any, number: int) -> list[Any]:
    """first, first + step, …"""
    places = [first]
    for _ in range(number - 1):
        places.append(builder.add(places[-1], step))
    return places


def _pointer(builder: Any, data: Any, place: Any, vector: int) -> Any:
    where = builder.gep(data, [builder.add(place, ir.Constant(_LONG, LANES * vector))])
    return builder.bitcast(where, _VECTOR.as_pointer())


def _load(builder: Any, data: Any, place: Any, vector: int) -> Any:
    return builder.load(_pointer(builder, data, place, vector), align=4)


def _everywhere(builder: Any, number: Any) -> Any:
    one = builder.insert_element(_NOTHING, number, ir.Constant(_SHORT, 0))
    return builder.shuffle_vector(one, _NOTHING, _EVERY)


def _fused(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR, _VECTOR, _VECTOR])
    name = f"llvm.fma.v{LANES}f32"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])


_six_wide, _four_wide, _one_wide = _tile(6, STRIP), _tile(4, STRIP), _tile(1, STRIP)
_six, _four, _one = _tile(6, 1), _tile(4, 1), _tile(1, 1)


@kernel
def multiply(left, row, step, right, start, skip, result, count):
    """Write ``result[p, q] = start[p · skip + q] + Σ_t left[p · row + t · step] · right[t, q]``.

    Args:
        left: the left side, flat: ``row`` from one of its rows to the next, ``step`` from one of
            its columns to the next.
        right: ``(count, width)``, flat.
        start: what sums begin with, flat; with a skip of 0 the same for all rows.
        result: ``(rows, width)``; `LANES` divide the width.
        count: terms of a sum.
    """
    rows, width = result.shape
    flat = result.reshape(rows * width)
    q = 0
    while q < width:
        if width - q >= STRIP * LANES:
            _wide_strip(left, row, step, right, q, start, skip, flat, rows, width, count)
            q += STRIP * LANES
        else:
            _strip(left, row, step, right, q, start, skip, flat, rows, width, count)
            q += LANES


@kernel
def _wide_strip(left, row, step, right, q, start, skip, flat, rows, width, count):
    """`STRIP` vectors of every row, from column q on."""
    p = 0
    while p < rows:
        first, begin, at = p * row, p * skip + q, p * width + q
        if rows - p >= 6:
            _six_wide(left, first, row, step, right, q, start, begin, skip, flat, at, width, count)
            p += 6
        elif rows - p >= 4:
            _four_wide(left, first, row, step, right, q, start, begin, skip, flat, at, width, count)
            p += 4
        else:
            _one_wide(left, first, row, step, right, q, start, begin, skip, flat, at, width, count)
            p += 1


@kernel
def _strip(left, row, step, right, q, start, skip, flat, rows, width, count):
    """One vector of every row, from column q on."""
    p = 0
    while p < rows:
        first, begin, at = p * row, p * skip + q, p * width + q
        if rows - p >= 6:
            _six(left, first, row, step, right, q, start, begin, skip, flat, at, width, count)
            p += 6
        elif rows - p >= 4:
            _four(left, first, row, step, right, q, start, begin, skip, flat, at, width, count)
            p += 4
        else:
            _one(left, first, row, step, right, q, start, begin, skip, flat, at, width, count)
            p += 1
