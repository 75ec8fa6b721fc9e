"""Posteriors for any observation at once: a flow of θ given statistics, taught by simulations.

θ is drawn from the prior, a path is simulated under it, and a masked autoregressive flow
(Papamakarios et al. 2017) learns the density of θ given statistics of the path: neural posterior
estimation. After that every observation costs milliseconds. It sees what its statistics see.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...envs.core.errors import PacesetterError
from .recipes import log_density_of_prior

Floats = NDArray[np.float64]
TRANSFORMS, HIDDEN = 4, (64, 64)
EPOCHS, BATCH, LEARNING_RATE = 18, 128, 2e-3
DRAWS_OF_THE_MEAN = 20_000
LEAST_PAIRS = 100


class Amortised:
    """q(θ | statistics); make one with `fit` or `from_parts`.

    Args:
        names: of the characteristics.
        prior_mean, prior_deviation: of the normal prior, ``(d,)``; deviation 0: fixed.
        middle, spread: of the statistics, ``(m,)``.
        network: zuko's flow, of θ in units of the prior.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        prior_mean: Floats,
        prior_deviation: Floats,
        middle: Floats,
        spread: Floats,
        network: Any,
    ):
        self.names = names
        self.prior_mean, self.prior_deviation = prior_mean, prior_deviation
        self._middle, self._spread = middle, spread
        self._network = network
        self._free = prior_deviation > 0.0

    @classmethod
    def fit(
        cls,
        names: tuple[str, ...],
        prior: tuple[Floats, Floats],
        theta: Floats,
        statistics: Floats,
        seed: int,
        epochs: int = EPOCHS,
    ) -> Amortised:
        """Learn from pairs of θ ``(n, d)``, drawn from the prior, and statistics ``(n, m)``.

        Pairs that are not finite are left out.

        Raises:
            PacesetterError: fewer than `LEAST_PAIRS` are left.
        """
        mean, deviation = prior
        usable = np.isfinite(statistics).all(axis=1) & np.isfinite(theta).all(axis=1)
        if usable.sum() < LEAST_PAIRS:
            raise PacesetterError(
                f"{int(usable.sum())} of {len(theta)} simulations have finite statistics; an "
                f"amortised posterior needs {LEAST_PAIRS}. Narrow the prior, or simulate more."
            )
        theta, statistics = theta[usable], statistics[usable]
        spread = statistics.std(axis=0)
        found = cls(
            names,
            mean,
            deviation,
            statistics.mean(axis=0),
            np.where(spread > 0, spread, 1.0),
            _network(int((deviation > 0).sum()), statistics.shape[1], seed),
        )
        found._learn(found._points(theta), found._scaled(statistics), seed, epochs)
        return found

    def _learn(self, points: Tensor, seen: Tensor, seed: int, epochs: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        network = self._network
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, fused=True)
        total = epochs * math.ceil(len(points) / BATCH)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
        for _ in range(epochs):
            for rows in torch.randperm(len(points), generator=generator).split(BATCH):
                optimizer.zero_grad()
                (-network(seen[rows]).log_prob(points[rows]).mean()).backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimizer.step()
                schedule.step()
        network.requires_grad_(False)

    @torch.no_grad()
    def log_prob(self, theta: Floats, statistics: Floats) -> Floats:
        """Log density of θ ``(n, d)`` given statistics ``(n, m)`` or ``(m,)``, ``(n,)``."""
        statistics = np.broadcast_to(statistics, (len(theta), len(self._middle)))
        density = self._network(self._scaled(statistics)).log_prob(self._points(theta))
        return density.double().numpy() - np.log(self.prior_deviation[self._free]).sum()

    @torch.no_grad()
    def sample(self, statistics: Floats, number: int, seed: int) -> Floats:
        """Draws of θ given one observation's statistics ``(m,)``, ``(number, d)``."""
        base = np.random.default_rng(seed).standard_normal((number, int(self._free.sum())))
        seen = self._scaled(np.asarray(statistics)[None])[0]
        points = self._network(seen).transform.inv(torch.from_numpy(base).float())
        theta = np.repeat(self.prior_mean[None], number, axis=0)
        theta[:, self._free] += self.prior_deviation[self._free] * points.double().numpy()
        return theta

    def given(self, statistics: Floats) -> Given:
        """The posterior of one observation, ``(m,)``."""
        return Given(self, np.asarray(statistics, dtype=np.float64))

    def _points(self, theta: Floats) -> Tensor:
        free = self._free
        points = (theta - self.prior_mean)[:, free] / self.prior_deviation[free]
        return torch.from_numpy(points).float()

    def _scaled(self, statistics: Floats) -> Tensor:
        return torch.from_numpy((statistics - self._middle) / self._spread).float()

    # On disk ------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The weights, name -> array."""
        return {name: value.numpy() for name, value in self._network.state_dict().items()}

    def record(self) -> dict[str, Any]:
        """All else, as JSON-compatible values."""
        arrays = {name: getattr(self, place).tolist() for name, place in _ARRAYS.items()}
        return {"names": list(self.names), **arrays}

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Any], record: Mapping[str, Any]) -> Amortised:
        """What `tensors` and `record` returned, as it was.

        Raises:
            PacesetterError: the two do not belong together.
        """
        try:
            mean, deviation, middle, spread = (
                np.array(record[name], dtype=np.float64) for name in _ARRAYS
            )
            network = _network(int((deviation > 0).sum()), len(middle), seed=0)
            network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in tensors.items()})
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise PacesetterError(f"the parts of a posterior do not fit: {error}") from error
        network.requires_grad_(False)
        return cls(tuple(record["names"]), mean, deviation, middle, spread, network)


_ARRAYS = {
    "prior_mean": "prior_mean",
    "prior_deviation": "prior_deviation",
    "middle": "_middle",
    "spread": "_spread",
}


class Given:
    """The amortised posterior of one observation."""

    def __init__(self, amortised: Amortised, statistics: Floats):
        self._amortised, self._statistics = amortised, statistics

    def sample(self, number: int, seed: int) -> Floats:
        """Draws of θ, ``(number, d)``, the same for the same seed."""
        return self._amortised.sample(self._statistics, number, seed)

    def log_prob(self, theta: Floats) -> Floats:
        """Log density at θ, ``(n, d)`` to ``(n,)``, per unit of θ."""
        return self._amortised.log_prob(np.asarray(theta), self._statistics)

    def mean(self) -> Floats:
        """The mean of θ, ``(d,)``."""
        return self.sample(DRAWS_OF_THE_MEAN, seed=0).mean(axis=0)

    def prior_log_prob(self, theta: Floats) -> Floats:
        """Log density of the prior at θ, ``(n, d)`` to ``(n,)``."""
        prior = self._amortised
        return log_density_of_prior(theta, prior.prior_mean, prior.prior_deviation)


def _network(number: int, statistics: int, seed: int) -> Any:
    from zuko.flows import MAF  # takes a second to import

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MAF(number, statistics, transforms=TRANSFORMS, hidden_features=HIDDEN)
