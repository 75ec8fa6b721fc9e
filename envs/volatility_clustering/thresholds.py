"""Thresholds at the start: where in their distribution a trader lies, and how that moves with θ.

| name | v(0) at probability u | what α and β are |
|---|---|---|
| `gamma` | P⁻¹(α, u) / β | shape and rate |
| `lognormal` | α exp(β Φ⁻¹(u)) | median, and deviation of the logarithm |

A trader keeps its u. Under another θ it has another threshold, unless it has set one since.

Quantiles of the Gamma distribution are slow and no namespace but SciPy has them: they are computed
once per α, with their derivative, and a gradient flows through that derivative (implicit
reparameterisation; Figurnov, Mohamed and Mnih 2018).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array, namespace
from .kernels import gamma_slopes

Floats = NDArray[np.float64]
Law = Literal["gamma", "lognormal"]


def gamma_quantiles(shape: Floats, probability: Floats) -> tuple[Floats, Floats]:
    """Quantiles of Gamma(α, 1) and their derivatives by α.

    Args:
        shape: α, ``(B,)``.
        probability: u in [0, 1), ``(B, N)``.

    Returns:
        two arrays ``(B, N)``.
    """
    from scipy.special import gammaincinv  # a slow import

    with np.errstate(under="ignore"):
        quantiles = gammaincinv(shape[:, None], probability)
    return quantiles, slopes_of(shape, quantiles)


def slopes_of(shape: Floats, quantiles: Floats) -> Floats:
    """Derivatives of quantiles of Gamma(α, 1), ``(B, N)``, by α, ``(B,)``."""
    from scipy.special import psi

    slopes = np.empty_like(quantiles)
    for row, alpha in enumerate(shape):
        gamma_slopes(float(alpha), float(psi(alpha + 1.0)), quantiles[row], slopes[row])
    return slopes


def first_draws(law: Law, shape: Array, probability: Array) -> tuple[Array, Array]:
    """What thresholds at the start are made of: ``(B, N)`` twice, without gradients.

    Quantiles of Gamma(α, 1) and their derivatives by α; or normal quantiles, and nothing.
    """
    xp = namespace(probability)
    if xp is np:
        return _first_draws(law, shape, probability)
    import torch

    if probability.is_meta:
        return torch.empty_like(probability), torch.empty_like(probability)
    numbers = (array.detach().cpu().numpy() for array in (shape, probability))
    found = _first_draws(law, *numbers)
    return tuple(torch.as_tensor(array, device=probability.device) for array in found)  # type: ignore[return-value]


def _first_draws(law: Law, shape: Floats, probability: Floats) -> tuple[Floats, Floats]:
    if law == "gamma":
        return gamma_quantiles(shape, probability)
    from scipy.special import ndtri

    normal = ndtri(np.maximum(probability, 1e-300))
    return normal, np.zeros_like(normal)


def renewed(law: Law, state: Any, shape: Array) -> tuple[Array, Array]:
    """The draws of a state under α ``(B,)``: its own, computed again where α has changed."""
    if law == "lognormal" or getattr(shape, "is_meta", False):
        return state.draw, state.slope
    old, new = (a if namespace(a) is np else a.detach() for a in (state.shape, shape))
    changed = old != new
    if not bool(changed.any()):
        return state.draw, state.slope
    if bool(changed.all()):
        return first_draws(law, new, state.probability)
    xp = namespace(state.draw)
    fresh = first_draws(law, new[changed], state.probability[changed])
    draw, slope = (xp.asarray(array, copy=True) for array in (state.draw, state.slope))
    draw[changed], slope[changed] = fresh
    return draw, slope


def first_thresholds(law: Law, draw: Array, slope: Array, alpha: Array, beta: Array) -> Array:
    """v(0), ``(B, N)``, with the gradients of α and β, ``(B,)``."""
    xp = namespace(draw)
    alpha, beta = alpha[:, None], beta[:, None]
    if law == "lognormal":
        return alpha * xp.exp(beta * draw)
    if xp is not np:
        draw = draw + slope * (alpha - alpha.detach())
    return draw / beta
