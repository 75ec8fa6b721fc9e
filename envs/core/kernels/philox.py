"""The draws of many copies at once: NumPy's Philox and its normals, number for number.

A generator of NumPy's per copy and chunk costs more than the numbers that it draws. This is Philox
4×64 with 10 rounds (Salmon et al. 2011) and the ziggurat of NumPy's ``Generator``, whose tables
numba has; `ShockLayout.generate` says what the numbers are, and a test holds the two together.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, is_jitted
from numba.np.random._constants import (
    fi_double,
    ki_double,
    wi_double,
    ziggurat_nor_inv_r,
    ziggurat_nor_r,
)

from .compiled import kernel

u = np.uint64
ROUNDS, WORDS = 10, 4
FIRST, SECOND = u(0xD2E7470EE14C6C93), u(0xCA5A826395121157)
KEY_STEP_0, KEY_STEP_1 = u(0x9E3779B97F4A7C15), u(0xBB67AE8584CAA73B)
TO_UNIT = 1.0 / 9007199254740992.0
LOW_52 = u(0x000FFFFFFFFFFFFF)
LAYERS = ki_double.astype(np.int64)


@intrinsic
def _halves(typing_context: Any, a: Any, b: Any) -> Any:
    """The upper and the lower half of a product of two words, which is one instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide, word = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(value, wide) for value in arguments))
        upper = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), word)
        halves = [upper, builder.trunc(product, word)]
        return context.make_tuple(builder, signature.return_type, halves)

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), generate


@intrinsic
def _one_by_one(typing_context: Any, word: Any) -> Any:
    """The word itself, which keeps compilers from making vectors of several blocks.

    No vector instruction multiplies whole words, so that each would be taken out and put back.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64)])
        return builder.asm(kind, "", "=r,0", arguments, True)

    return types.uint64(types.uint64), generate


@kernel
def _words(seed, purpose, chunk, words):
    """The first words of a chunk; their number is a multiple of four."""
    number = u(0)
    for at in range(0, len(words), WORDS):
        number += u(1)  # a block's counter is (number, 0, 0, chunk)
        a, b, c, d = _one_by_one(number), u(0), u(0), chunk
        k0, k1 = seed, purpose
        for _ in range(ROUNDS):
            high_a, low_a = _halves(FIRST, a)
            high_c, low_c = _halves(SECOND, c)
            a, b, c, d = high_c ^ b ^ k0, low_c, high_a ^ d ^ k1, low_a
            k0, k1 = k0 + KEY_STEP_0, k1 + KEY_STEP_1
        words[at], words[at + 1], words[at + 2], words[at + 3] = a, b, c, d


@kernel
def _unit(word):
    """A uniform on [0, 1)."""
    return np.float64(np.int64(word >> u(11))) * TO_UNIT


@kernel
def _normals(words, start, last, out):
    """NumPy's ziggurat: fills `out`, and returns the place of the next word; -1 beyond `last`."""
    at = start
    for i in range(len(out)):
        while True:
            if at > last:
                return -1
            word = words[at]
            at += 1
            layer = np.int64(word & u(0xFF))
            size = np.int64((word >> u(9)) & LOW_52)
            value = np.float64(size) * wi_double[layer]
            if word & u(0x100):
                value = -value
            if size < LAYERS[layer]:
                break
            if layer > 0:
                below, above = fi_double[layer], fi_double[layer - 1]
                height = (above - below) * _unit(words[at]) + below
                at += 1
                if height < math.exp(-0.5 * value * value):
                    break
                continue
            beyond = -ziggurat_nor_inv_r * math.log1p(-_unit(words[at]))
            height = -math.log1p(-_unit(words[at + 1]))
            at += 2
            while height + height <= beyond * beyond:
                if at > last:
                    return -1
                beyond = -ziggurat_nor_inv_r * math.log1p(-_unit(words[at]))
                height = -math.log1p(-_unit(words[at + 1]))
                at += 2
            value = ziggurat_nor_r + beyond
            if (size >> 8) & 1:
                value = -value
            break
        out[i] = value
    return at


@kernel
def generate_many(seeds, purpose, chunks, normals, rows, out):
    """Fill in the draws of the copies `rows`, each of a chunk of its own.

    Args:
        seeds: of all copies, ``(B,)``.
        purpose: of the stream.
        chunks: numbers of the chunks, ``(k,)``.
        normals: columns of normals; uniforms are in those after them.
        rows: the copies, ``(k,)``.
        out: ``(B, chunk_steps, K)``.

    Returns:
        whether all were; else words have run out, which happens once in a very long time.
    """
    steps, columns = out.shape[1:]
    needed = steps * columns + steps * normals // 16 + 64
    words = np.empty(-(-needed // WORDS) * WORDS, np.uint64)
    last = len(words) - 4 - steps * (columns - normals)
    for i in range(len(rows)):
        copy = out[rows[i]]
        _words(seeds[rows[i]], u(purpose), u(chunks[i]), words)
        at = 0
        for time in range(steps):
            at = _normals(words, at, last, copy[time, :normals])
            if at < 0:
                return False
        for time in range(steps):
            for column in range(normals, columns):
                copy[time, column] = _unit(words[at + column - normals])
            at += columns - normals
    return True


COMPILED = is_jitted(generate_many)
"""False under NUMBA_DISABLE_JIT, where words of 64 bits would be Python's."""
