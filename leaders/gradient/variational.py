"""A leader whose answer is a distribution over θ: generalised variational inference.

It minimises w E_q[loss] + KL(q ‖ prior) over a family of distributions q (Knoblauch et al. 2022;
for simulated markets Dyer et al., ICAIF 2023, eq. 19), where the loss is minus the objective. What
q is then close to is exp(−w loss) prior, a *tempered* posterior: its width is that of w, and
nothing but a calibration over θ drawn from the prior says what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ..leader import LeaderSettings
from .recipes import VariationalOptions
from .variational_guide import VariationalGuide


@dataclass(frozen=True)
class VariationalLeader(VariationalOptions, LeaderSettings):
    """A leader that infers θ with its uncertainty; see the module and `VariationalOptions`."""

    name: ClassVar[str] = "variational"

    @property
    def posterior_options(self) -> VariationalOptions:
        """These options."""
        return self

    def guide(
        self, characteristics: Characteristics, seed: int, iterations: int
    ) -> VariationalGuide:
        """The fit; PacesetterError if prior, interval or constraints do not fit."""
        if self.interval != "episode" or self.update_every != 1:
            raise PacesetterError(
                "leader.interval and leader.update_every: the variational leader draws θ anew for "
                "every episode and learns in every iteration; leave them out."
            )
        if characteristics.constraints:
            raise PacesetterError(
                "a variational leader knows no constraints between characteristics "
                f"({characteristics.constraints[0]}); use leader.name: bayesian, or options of the "
                "market without them."
            )
        mean, deviation = self.prior.on(characteristics)
        if not deviation.any():
            raise PacesetterError(
                "every characteristic is fixed by its bounds, so that there is nothing to infer; "
                "widen one."
            )
        return VariationalGuide(self, characteristics, mean, deviation, seed, iterations)
