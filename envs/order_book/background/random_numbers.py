"""Random numbers inside compiled loops: one small stream per source of randomness.

A stream is one 64-bit integer in an array. Every draw advances it by SplitMix64 (Steele, Lea and
Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA), so that what one source draws
does not depend on how often the others do: two runs that differ in a parameter see the same random
numbers as far as their paths allow.

Version history: v1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.kernels.compiled import kernel

Integers = NDArray[np.int64]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_UNIT = 2.0**-52


@kernel
def mixed(bits: np.uint64) -> np.uint64:
    """The bits of an integer, thoroughly mixed."""
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


@kernel
def start_stream(memory: Integers, at: int, seed: int, source: int) -> None:
    """Begin the stream of one source of randomness of the market with the given seed."""
    inner = mixed(np.uint64(seed) + _GOLDEN)
    memory[at] = np.int64(mixed(inner ^ mixed(np.uint64(source) * _FIRST + _SECOND)))


@kernel
def uniform(memory: Integers, at: int) -> float:
    """A draw from (0, 1): neither bound is ever drawn, so that logarithms are finite."""
    state = np.uint64(memory[at]) + _GOLDEN
    memory[at] = np.int64(state)
    return (np.float64(mixed(state) >> np.uint64(12)) + 0.5) * _UNIT


@kernel
def exponential(memory: Integers, at: int, mean: float) -> float:
    """A draw from the exponential distribution."""
    return -mean * math.log(uniform(memory, at))


@kernel
def normal(memory: Integers, at: int) -> float:
    """A draw from the standard normal distribution (Box and Muller 1958); takes two uniforms."""
    radius = math.sqrt(-2.0 * math.log(uniform(memory, at)))
    return radius * math.cos(2.0 * math.pi * uniform(memory, at))


@kernel
def integer(memory: Integers, at: int, low: int, high: int) -> int:
    """A draw from low, …, high − 1, which must not be empty."""
    return low + int(uniform(memory, at) * (high - low))
