"""Functions of single numbers, in a form that compilers turn into vector instructions.

The library's own tanh and exp are called once per number, and take ten times as long.
"""

from __future__ import annotations

import numpy as np

from ...envs.core.kernels.compiled import kernel

f = np.float32
LARGEST = f(7.9053111)  # tanh is 1 in single precision from here on
LEAST_EXPONENT = f(-87.0)  # below it exp is no normal number in single precision
LOG2_E = f(1.44269504)
LN2_HIGH, LN2_LOW = f(0.693359375), f(-2.12194440e-4)


@kernel(fused=True)
def tanh(x):
    """tanh in single precision, within three units of the last place; of NaN, NaN.

    A quotient of polynomials of degrees 13 and 6, fitted by minimax on the range in which tanh
    differs from ±1; the coefficients are those of the Eigen library (MPL 2).
    """
    x = LARGEST if x > LARGEST else x
    x = -LARGEST if x < -LARGEST else x
    square = x * x
    above = f(-2.76076847742355e-16)
    above = above * square + f(2.00018790482477e-13)
    above = above * square + f(-8.60467152213735e-11)
    above = above * square + f(5.12229709037114e-08)
    above = above * square + f(1.48572235717979e-05)
    above = above * square + f(6.37261928875436e-04)
    above = above * square + f(4.89352455891786e-03)
    below = f(1.19825839466702e-06)
    below = below * square + f(1.18534705686654e-04)
    below = below * square + f(2.26843463243900e-03)
    below = below * square + f(4.89352518554385e-03)
    return x * above / below


@kernel(fused=True)
def exp_below(most, values, result, whole):
    """exp of what numbers ``(n,)`` are below `most`, into `result`; `whole` is room, int32.

    2 to a whole power is written as bits; the rest, within ±ln 2 / 2, is a polynomial of degree 6
    (Cephes library, public domain).
    """
    for i in range(len(values)):
        x = values[i] - most
        x = LEAST_EXPONENT if x < LEAST_EXPONENT else x
        power = np.int32(x * LOG2_E - f(0.5))
        rest = f(power)
        x = x - rest * LN2_HIGH - rest * LN2_LOW
        y = f(1.9875691500e-4)
        y = y * x + f(1.3981999507e-3)
        y = y * x + f(8.3334519073e-3)
        y = y * x + f(4.1665795894e-2)
        y = y * x + f(1.6666665459e-1)
        y = y * x + f(5.0000001201e-1)
        result[i] = y * x * x + x + f(1.0)
        whole[i] = (power + np.int32(127)) << np.int32(23)
    scale = whole.view(np.float32)
    for i in range(len(values)):
        result[i] *= scale[i]


@kernel(fused=True)
def largest(values):
    """Of ``(n,)``; in four strands, as each comparison waits for the one before it."""
    a = b = c = d = values[0]
    for i in range(0, len(values) - 3, 4):
        a = values[i] if values[i] > a else a
        b = values[i + 1] if values[i + 1] > b else b
        c = values[i + 2] if values[i + 2] > c else c
        d = values[i + 3] if values[i + 3] > d else d
    for i in range(len(values) - len(values) % 4, len(values)):
        a = values[i] if values[i] > a else a
    a, c = b if b > a else a, d if d > c else c
    return c if c > a else a
