"""Functions of single numbers, in a form that compilers turn into vector instructions.

The library's own tanh and exp are called once per number, and take ten times as long.
"""

from __future__ import annotations

import numpy as np

from ...envs.core.kernels.compiled import kernel

f = np.float32
LARGEST = f(7.9053111)  # tanh is 1 in single precision from here on
ABOVE = (
    *(f(-2.76076847742355e-16), f(2.00018790482477e-13), f(-8.60467152213735e-11)),
    *(f(5.12229709037114e-08), f(1.48572235717979e-05), f(6.37261928875436e-04)),
    f(4.89352455891786e-03),
)
BELOW = (
    *(f(1.19825839466702e-06), f(1.18534705686654e-04), f(2.26843463243900e-03)),
    f(4.89352518554385e-03),
)
"""Coefficients of tanh's quotient, the highest power first."""
LEAST_EXPONENT = f(-87.0)  # below it exp is no normal number in single precision
MOST_EXPONENT = f(88.0)  # above 88.3 the power of two alone is none
LOG2_E = f(1.44269504)
LN2_HIGH, LN2_LOW = f(0.693359375), f(-2.12194440e-4)
EXP = (
    *(f(1.9875691500e-4), f(1.3981999507e-3), f(8.3334519073e-3)),
    *(f(4.1665795894e-2), f(1.6666665459e-1), f(5.0000001201e-1)),
)
"""Coefficients of what follows 1 + x in exp, the highest power first."""


@kernel(fused=True)
def tanh(x):
    """tanh in single precision, within three units of the last place; of NaN, NaN.

    A quotient of polynomials of degrees 13 and 6, fitted by minimax on the range in which tanh
    differs from ±1; the coefficients are those of the Eigen library (MPL 2).
    """
    x = LARGEST if x > LARGEST else x
    x = -LARGEST if x < -LARGEST else x
    square = x * x
    above = ABOVE[0] * square + ABOVE[1]
    above = above * square + ABOVE[2]
    above = above * square + ABOVE[3]
    above = above * square + ABOVE[4]
    above = above * square + ABOVE[5]
    above = above * square + ABOVE[6]
    below = BELOW[0] * square + BELOW[1]
    below = below * square + BELOW[2]
    below = below * square + BELOW[3]
    return x * above / below


@kernel(fused=True)
def exp_beyond(start, values, result, whole):
    """exp of what numbers ``(n,)`` are beyond `start`, into `result`; `whole` is room, int32.

    2 to a whole power is written as bits; the rest, within ±ln 2 / 2, is a polynomial of degree 6
    (Cephes library, public domain). What is too large for single precision becomes its largest
    power of two and more.
    """
    for i in range(len(values)):
        x = values[i] - start
        x = LEAST_EXPONENT if x < LEAST_EXPONENT else x
        x = MOST_EXPONENT if x > MOST_EXPONENT else x
        rest = np.floor(x * LOG2_E + f(0.5))
        x = x - rest * LN2_HIGH - rest * LN2_LOW
        y = EXP[0] * x + EXP[1]
        y = y * x + EXP[2]
        y = y * x + EXP[3]
        y = y * x + EXP[4]
        y = y * x + EXP[5]
        result[i] = y * x * x + x + f(1.0)
        whole[i] = (np.int32(rest) + np.int32(127)) << np.int32(23)
    scale = whole.view(np.float32)
    for i in range(len(values)):
        result[i] *= scale[i]
