"""A Gaussian process for noisy measurements.

The likelihood is scikit-learn's. The kernel has a noise term, learned, that knows how often each
point was measured; the package bayesian-optimization, whose acquisition functions choose by the
posterior, has none. Weak priors hold the scales, which few noisy values do not determine.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from .measurements import Observations

MOST_FITTED = 256  # a fit takes time cubic in this; the posterior itself uses every observation
PRIOR_SIGNAL = (
    np.log(0.5),
    1.0,
)  # median and width of each logarithm; a measurement has variance 1
PRIOR_LENGTH = (np.log(0.4), 0.7)  # times the root of the number of coordinates
PRIOR_NOISE = (np.log(0.4), 2.0)  # wide: an objective may be free of noise


class MeanNoise(WhiteKernel):
    """Noise of averaged measurements: variance ``noise_level / count`` on the diagonal."""

    def __init__(self, noise_level=1.0, noise_level_bounds=(1e-6, 1e1), counts=None):
        super().__init__(noise_level, noise_level_bounds)
        self.counts = counts

    def __call__(self, X, Y=None, eval_gradient=False):
        """Covariance of the noise; between two sets of points there is none."""
        answer = super().__call__(X, Y, eval_gradient)
        if Y is not None or self.counts is None:
            return answer
        if not eval_gradient:
            return answer / self.counts[:, None]
        return answer[0] / self.counts[:, None], answer[1] / self.counts[:, None, None]


class Surrogate:
    """Posterior of the standardised objective on the unit cube, given averaged measurements.

    A pure function of the observations: nothing is carried over from earlier fits, so that a
    resumed leader has the same posterior to the last digit.
    """

    def __init__(self, observations: Observations):
        data = observations.standardised()
        self.signal, self.length, self.noise = fit_scales(data.part(MOST_FITTED))
        self.points = data.points
        self._kernel = ConstantKernel(self.signal) * Matern(self.length, nu=2.5)
        covariance = self._kernel(data.points)
        # 1e-8 keeps the factor regular when the noise is estimated at its lower bound.
        covariance[np.diag_indices_from(covariance)] += self.noise / data.counts + 1e-8
        self.factor = cholesky(covariance, lower=True, check_finite=False)
        self._weights = cho_solve((self.factor, True), data.means, check_finite=False)

    def covariance(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray:
        """Prior covariance, ``(n, f)`` and ``(m, f)`` to ``(n, m)``."""
        return self._kernel(one, other)

    def mean(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Posterior mean, ``(n, f)`` to ``(n,)``, in standard deviations of a measurement."""
        return self._kernel(points, self.points) @ self._weights


def fit_scales(data: Observations) -> tuple[float, NDArray[np.float64], float]:
    """Signal variance, length scales ``(f,)`` and noise variance that explain the data best.

    Maximum a posteriori, with scikit-learn's process as the likelihood. Repetitions within a row
    add their own exact term for the noise.
    """
    size = data.points.shape[1]
    medians = np.r_[
        PRIOR_SIGNAL[0], np.full(size, PRIOR_LENGTH[0] + np.log(size) / 2), PRIOR_NOISE[0]
    ]
    widths = np.r_[PRIOR_SIGNAL[1], np.full(size, PRIOR_LENGTH[1]), PRIOR_NOISE[1]]
    repetitions, squares = float((data.counts - 1).sum()), float(data.squares.sum())

    def optimise(objective: Callable, initial: NDArray, bounds: NDArray) -> tuple[NDArray, float]:
        def penalised(position: NDArray) -> tuple[float, NDArray]:
            value, gradient = objective(position)
            away = (position - medians) / widths
            explained = squares * np.exp(-position[-1])
            slope = gradient + away / widths
            slope[-1] += (repetitions - explained) / 2
            return value + (away @ away + repetitions * position[-1] + explained) / 2, slope

        answer = minimize(
            penalised, initial, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 30}
        )
        return answer.x, answer.fun

    kernel = ConstantKernel(np.exp(medians[0]), (1e-4, 1e2)) * Matern(
        np.exp(medians[1:-1]), (2e-2, 1e2), nu=2.5
    ) + MeanNoise(np.exp(medians[-1]), (1e-6, 1e1), data.counts)
    process = GaussianProcessRegressor(
        kernel, alpha=1e-8, normalize_y=False, n_restarts_optimizer=0, optimizer=optimise
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scales at their bounds are an answer like any other
        process.fit(data.points, data.means)
    fitted = process.kernel_
    return (
        fitted.k1.k1.constant_value,
        np.atleast_1d(fitted.k1.k2.length_scale),
        fitted.k2.noise_level,
    )
