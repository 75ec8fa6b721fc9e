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

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...envs.core.kernels.compiled import kernel
from .endings import end
from .vectors import AVX512, LANES, fused, load, place, spread, store

STRIP = 4 if AVX512 else 2
"""Vectors of a tile's row."""
DEPTH = 64
"""Terms of a sum that are taken together, so that both sides of them lie in the first cache."""


def _tile(rows: int, vectors: int) -> Any:
    """What writes a tile of `rows` times `vectors` vectors.

    Called with arrays ``(n,)`` and places in them, it writes, for p < rows and q < vectors · LANES,
    ``result[at + p · width + q] = start[begin + p · skip + q]
    + Σ_t left[first + p · row + t · step] · right[second + t · width + q]``, t < count, to which
    happens what `endings.end` says of ``kept[at + p · width + q]`` and ``totals[second + q]``.

    The ending is one of `endings`, kept and totals. Nothing else comes as a tuple: making one of an
    array counts a reference, which takes an eighth of a tile's time.
    """

    @intrinsic
    def tile(
        _,
        left,
        first,
        row,
        step,
        right,
        second,
        start,
        begin,
        skip,
        ending,
        result,
        at,
        width,
        count,
    ):
        given = (
            *(left, first, row, step, right, second, start, begin, skip),
            *(ending, result, at, width, count),
        )
        whole = {0: left, 4: right, 6: start, 9: ending, 10: result}
        signature = types.void(*(whole.get(k, types.int64) for k in range(len(given))))

        def written(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def data(kind: Any, array: Any) -> Any:
                return context.make_array(kind)(context, builder, array).data

            left_array, first, row, step, right_array, second = arguments[:6]
            start_array, begin, skip, end_with, result_array, at, width, count = arguments[6:]
            code, kept_array, totals_array = cgutils.unpack_tuple(builder, end_with)
            left_data, right_data = data(left, left_array), data(right, right_array)
            start_data, result_data = data(start, start_array), data(result, result_array)

            def places(array: Any, begin: Any, step: Any) -> list[list[Any]]:
                return [
                    [place(builder, array, own, vector) for vector in range(vectors)]
                    for own in _steps(builder, begin, step, rows)
                ]

            sums = [
                [cgutils.alloca_once_value(builder, load(builder, where)) for where in own]
                for own in places(start_data, begin, skip)
            ]
            with cgutils.for_range(builder, count) as loop:
                at_right = builder.add(second, builder.mul(loop.index, width))
                terms = [
                    load(builder, place(builder, right_data, at_right, vector))
                    for vector in range(vectors)
                ]
                at_left = builder.add(first, builder.mul(loop.index, step))
                for own, where in zip(sums, _steps(builder, at_left, row, rows), strict=True):
                    factor = spread(builder, builder.load(builder.gep(left_data, [where])))
                    for total, term in zip(own, terms, strict=True):
                        builder.store(fused(builder, factor, term, builder.load(total)), total)
            kept = places(data(ending[1], kept_array), at, width)
            whole = data(ending[2], totals_array)
            totals = [place(builder, whole, second, vector) for vector in range(vectors)]
            end(builder, code, sums, kept, totals)
            for own, written_to in zip(sums, places(result_data, at, width), strict=True):
                for total, where in zip(own, written_to, strict=True):
                    store(builder, builder.load(total), where)
            return context.get_dummy_value()

        return signature, written

    return tile


def _steps(builder: Any, first: Any, step: Any, number: int) -> list[Any]:
    """first, first + step, …"""
    places = [first]
    for _ in range(number - 1):
        places.append(builder.add(places[-1], step))
    return places


_six_wide, _four_wide, _one_wide = _tile(6, STRIP), _tile(4, STRIP), _tile(1, STRIP)
_six, _four, _one = _tile(6, 1), _tile(4, 1), _tile(1, 1)


@kernel
def multiply(left, row, step, right, start, skip, ending, result, count):
    """Write ``result[p, q]``: what becomes of a sum at its end.

    The sum is ``start[p · skip + q] + Σ_t left[p · row + t · step] · right[t, q]``, t < count.

    Args:
        left: the left side, flat: ``row`` from one of its rows to the next, ``step`` from one of
            its columns to the next.
        right: ``(count, width)``, flat.
        start: what sums begin with, flat; with a skip of 0 the same for all rows.
        ending: what happens to the sums, one of `endings`; for slopes what the activation put out,
            as `result`, flat; and sums over rows ``(width,)``, added to. Otherwise any arrays.
        result: ``(rows, width)``; `LANES` divide the width.
        count: terms of a sum.
    """
    rows, width = result.shape
    flat = result.reshape(rows * width)
    q = 0
    while q < width:
        if width - q >= STRIP * LANES:
            _wide_strip(left, row, step, right, q, start, skip, ending, flat, rows, width, count)
            q += STRIP * LANES
        else:
            _strip(left, row, step, right, q, start, skip, ending, flat, rows, width, count)
            q += LANES


@kernel
def _wide_strip(left, row, step, right, q, start, skip, ending, flat, rows, width, count):
    """`STRIP` vectors of every row, from column q on."""
    p = 0
    while p < rows:
        first, begin, at = p * row, p * skip + q, p * width + q
        if rows - p >= 6:
            _six_wide(
                left, first, row, step, right, q, start, begin, skip, ending, flat, at, width, count
            )
            p += 6
        elif rows - p >= 4:
            _four_wide(
                left, first, row, step, right, q, start, begin, skip, ending, flat, at, width, count
            )
            p += 4
        else:
            _one_wide(
                left, first, row, step, right, q, start, begin, skip, ending, flat, at, width, count
            )
            p += 1


@kernel
def _strip(left, row, step, right, q, start, skip, ending, flat, rows, width, count):
    """One vector of every row, from column q on."""
    p = 0
    while p < rows:
        first, begin, at = p * row, p * skip + q, p * width + q
        if rows - p >= 6:
            _six(
                left, first, row, step, right, q, start, begin, skip, ending, flat, at, width, count
            )
            p += 6
        elif rows - p >= 4:
            _four(
                left, first, row, step, right, q, start, begin, skip, ending, flat, at, width, count
            )
            p += 4
        else:
            _one(
                left, first, row, step, right, q, start, begin, skip, ending, flat, at, width, count
            )
            p += 1
