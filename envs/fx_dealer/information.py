"""What the outcomes of requests tell of a composition of dealers: Fisher information, computed.

An outcome is the size of a request and who won it, or nobody. With p(o | z; x) of the oblivious
equilibrium, a request tells ``I = Σ_z w_z Σ_o (∂p)(∂p)ᵀ / p`` of the parameters x = (c, ln γ, π):
no estimate from n independent requests has standard errors below those of ``(n I)⁻¹``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .composition import Composition

Floats = NDArray[np.float64]
WIDTH = {"connectivity": 0.01, "log_risk_aversion": 0.05, "sensitive_share": 0.02}
"""Of the central differences, to either side."""


def outcomes(composition: Composition) -> tuple[Floats, Floats]:
    """Chances of each dealer, and of nobody, by size ``(D + 1, Z)``, and of sizes ``(Z,)``."""
    found = composition.equilibrium()
    nobody = 1.0 - found.by_size.sum(axis=0, keepdims=True)
    return np.concatenate([found.by_size, nobody]), found.weights


def information(composition: Composition, names: Sequence[str]) -> Floats:
    """Fisher information per request about some parameters, ``(d, d)``.

    Args:
        composition: at which.
        names: ``connectivity_1``, …, ``log_risk_aversion_1``, …, ``sensitive_share``.
    """
    chance, weights = outcomes(composition)
    slopes = np.array([_slope(composition, name) for name in names])
    return np.einsum("ioz,joz,z->ij", slopes, slopes / chance, weights)


def standard_errors(composition: Composition, names: Sequence[str], requests: int) -> Floats:
    """The least ones from so many requests, ``(d,)``."""
    covariance = np.linalg.inv(information(composition, names)) / requests
    return np.sqrt(np.diag(covariance))


def _slope(composition: Composition, name: str) -> Floats:
    """Derivative of the chances, ``(D + 1, Z)``."""
    kind, _, number = name.rpartition("_")
    if name == "sensitive_share":
        kind = name
    width = WIDTH[kind]
    above, below = (
        outcomes(_moved(composition, kind, number, sign * width))[0] for sign in (1.0, -1.0)
    )
    return (above - below) / (2.0 * width)


def _moved(composition: Composition, kind: str, number: str, by: float) -> Composition:
    if kind == "sensitive_share":
        share = 0.5 if composition.sensitive_share is None else composition.sensitive_share
        return replace(composition, sensitive_share=share + by)
    dealer = int(number) - 1
    if kind == "connectivity":
        reach = list(composition.connectivity)
        reach[dealer] += by
        return replace(composition, connectivity=tuple(reach))
    gamma = list(composition.risk_aversion)
    gamma[dealer] *= float(np.exp(by))
    return replace(composition, risk_aversion=tuple(gamma))
