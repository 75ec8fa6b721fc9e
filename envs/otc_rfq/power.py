"""The exponential power law EP(μ, σ, α): Laplace at α = 1, normal at 2, flat-topped beyond.

    f(x) = e^{−|z|^α / α} / (c σ),   z = (x − μ) / σ,   c = 2 α^{1/α − 1} Γ(1/α)
    F(x) = ½ + ½ sgn(z) P(1/α, |z|^α / α)

with P the regularised lower incomplete gamma function. σ is a scale: the standard deviation is
``σ α^{1/α} √(Γ(3/α) / Γ(1/α))``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..core.arrays import Array, is_tensor

Floats = NDArray[np.float64]
NEWTON_STEPS, NEARBY_STEPS = 60, 4  # each of the former takes a factor e off the tail, at least
SURE = 1.0 - 2.0**-53  # the largest chance below one: nothing is infinitely far out
SHAPE_STEP = 1e-5  # of the difference that gives the slope by α


def normaliser(alpha: Any) -> Any:
    """c, of any shape."""
    return 2.0 * alpha ** (1.0 / alpha - 1.0) * special.gamma(1.0 / alpha)


def density(x: Floats, mean: Any, scale: Any, alpha: Any) -> Floats:
    """f(x), of any shape."""
    z = np.abs((x - mean) / scale)
    return np.exp(-(z**alpha) / alpha) / (normaliser(alpha) * scale)


def distribution(x: Any, mean: Any, scale: Any, alpha: Any) -> Any:
    """F(x), of any shape; the gradient of a tensor reaches all but α."""
    z = (x - mean) / scale
    if is_tensor(x):
        import torch

        alpha = torch.as_tensor(alpha, dtype=x.dtype, device=x.device)
        return 0.5 + 0.5 * torch.sign(z) * torch.special.gammainc(
            1.0 / alpha, z.abs() ** alpha / alpha
        )
    return 0.5 + 0.5 * np.sign(z) * special.gammainc(1.0 / alpha, np.abs(z) ** alpha / alpha)


def quantile(uniforms: Array, mean: Array, scale: Array, alpha: Array) -> Array:
    """F⁻¹(u) in the namespace of the uniforms; its gradient reaches mean, scale and α.

    Args:
        uniforms: of any shape, in [0, 1).
        mean, scale, alpha: broadcast against them.
    """
    if not is_tensor(uniforms):
        p = np.minimum(np.abs(2.0 * uniforms - 1.0), SURE)
        z = (alpha * special.gammaincinv(1.0 / alpha, p)) ** (1.0 / alpha)
        return mean + scale * np.sign(2.0 * uniforms - 1.0) * z
    import torch

    signed = 2.0 * uniforms - 1.0
    shape = alpha + 0.0 * uniforms
    z = _standard(signed.abs().clamp(max=SURE), shape)
    return mean + scale * torch.sign(signed) * z


def _standard(p: Any, alpha: Any) -> Any:
    """|z| with chance p of a smaller one, and its slope by α, for tensors of one shape."""
    import torch

    with torch.no_grad():
        fixed = alpha.detach()
        z = _solved(p, fixed, torch.zeros_like(p), NEWTON_STEPS)
        near = [fixed * (1.0 + step) for step in (SHAPE_STEP, -SHAPE_STEP)]
        ends = [_solved(p, shape, z, NEARBY_STEPS) for shape in near]
        slope = (ends[0] - ends[1]) / (2.0 * SHAPE_STEP * fixed)
    return z + slope * (alpha - fixed)


def _solved(p: Any, alpha: Any, z: Any, steps: int) -> Any:
    """Newton's steps: P is concave in |z|, so that they come from below and do not jump."""
    import torch

    inverse = 1.0 / alpha
    log_slope = torch.log(alpha) * (1.0 - inverse) - torch.lgamma(inverse)  # of P at |z| = 0
    for _ in range(steps):
        power = z**alpha * inverse
        missing = p - torch.special.gammainc(inverse, power)
        # Divided before it is multiplied: far out both are small.
        z = (z + missing * torch.exp((power - log_slope).clamp(max=600.0))).clamp(min=0.0)
    return z
