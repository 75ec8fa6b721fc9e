"""A distribution over θ that was inferred: draws, densities, and what is written of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...envs.core.errors import PacesetterError
from .flows import CouplingFlow, NormalFamily
from .recipes import log_density_of_prior

Floats = NDArray[np.float64]
DRAWS_OF_THE_MEAN = 20_000


def make_family(family: str, number: int, masks: Any = "balanced", seed: int = 0) -> Any:
    """An untrained ``flow`` or ``normal`` of so many coordinates."""
    return NormalFamily(number) if family == "normal" else CouplingFlow(number, masks, seed)


class Posterior:
    """q(θ): a family on θ in units of the prior, (θ − mean) / deviation.

    Draws are not cut off at the market's bounds. A characteristic of deviation 0 is fixed at its
    mean, and the density is that of the others.

    Args:
        names: of the characteristics.
        prior_mean, prior_deviation: of the normal prior, ``(d,)``.
        network: trained, `CouplingFlow` or `NormalFamily`.
        description: JSON-compatible: the family, its options, and whatever is worth keeping.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        prior_mean: Floats,
        prior_deviation: Floats,
        network: nn.Module,
        description: Mapping[str, Any],
    ):
        self.names = names
        self.prior_mean, self.prior_deviation = prior_mean, prior_deviation
        self.description = dict(description)
        self._network: Any = network
        self._free = prior_deviation > 0.0

    @torch.no_grad()
    def sample(self, number: int, seed: int) -> Floats:
        """Draws of θ, ``(number, d)``, the same for the same seed."""
        base = np.random.default_rng(seed).standard_normal((number, int(self._free.sum())))
        return self._theta(self._network(torch.from_numpy(base))[0].numpy())

    @torch.no_grad()
    def log_prob(self, theta: Floats) -> Floats:
        """Log density at θ, ``(n, d)`` to ``(n,)``, per unit of θ."""
        free = self._free
        points = (np.asarray(theta, dtype=np.float64) - self.prior_mean)[:, free]
        points = points / self.prior_deviation[free]
        density = self._network.log_prob(torch.from_numpy(points)).numpy()
        return density - np.log(self.prior_deviation[free]).sum()

    def prior_log_prob(self, theta: Floats) -> Floats:
        """Log density of the prior at θ, ``(n, d)`` to ``(n,)``."""
        return log_density_of_prior(theta, self.prior_mean, self.prior_deviation)

    def sample_prior(self, number: int, seed: int) -> Floats:
        """Draws of the prior, ``(number, d)``."""
        base = np.random.default_rng(seed).standard_normal((number, int(self._free.sum())))
        return self._theta(base)

    @torch.no_grad()
    def mean(self) -> Floats:
        """The mean of θ, ``(d,)``, over pairs u, −u of base draws."""
        half = np.random.default_rng(0).standard_normal(
            (DRAWS_OF_THE_MEAN // 2, int(self._free.sum()))
        )
        points = self._network(torch.from_numpy(np.concatenate([half, -half])))[0]
        return self._theta(points.numpy().mean(axis=0, keepdims=True))[0]

    def _theta(self, points: Floats) -> Floats:
        theta = np.repeat(self.prior_mean[None], len(points), axis=0)
        theta[:, self._free] += self.prior_deviation[self._free] * points
        return theta

    # On disk ------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Floats]:
        """The weights, name -> array."""
        return {name: value.numpy() for name, value in self._network.state_dict().items()}

    def record(self) -> dict[str, Any]:
        """All else, as JSON-compatible values."""
        return {
            "names": list(self.names),
            "prior_mean": self.prior_mean.tolist(),
            "prior_deviation": self.prior_deviation.tolist(),
            **self.description,
        }

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Floats], record: Mapping[str, Any]) -> Posterior:
        """What `tensors` and `record` returned, as a posterior again.

        Raises:
            PacesetterError: the two do not belong together.
        """
        try:
            mean, deviation = (
                np.array(record[key], dtype=np.float64) for key in ("prior_mean", "prior_deviation")
            )
            network = make_family(
                record["family"], int((deviation > 0).sum()), record.get("masks", "balanced")
            )
            network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in tensors.items()})
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise PacesetterError(f"the parts of a posterior do not fit: {error}") from error
        rest = {k: v for k, v in record.items() if k not in ("names", *_PRIOR)}
        return cls(tuple(record["names"]), mean, deviation, network, rest)


_PRIOR = ("prior_mean", "prior_deviation")
