"""Options of the game between a leader and a discriminator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from ..leader import How

Inputs = Literal["whitened", "standardised"]


@dataclass(frozen=True)
class AdversarialOptions:
    """Moves θ until a discriminator cannot tell simulated statistics from those of the reference.

    Leader and discriminator take one step of Adam each in every iteration, the former on fresh
    episodes, the latter on these and on all real paths that are not held out. Steps are constant
    for half of the run and then fall; the answer is the mean over its last part.

    Attributes:
        initial_theta: name -> value of where it begins; entries left out take the default.
        start: ``default``, or ``prior`` to draw what `initial_theta` leaves out.
        copies: episodes of an iteration.
        step: of θ, as a share of the range.
        rate: of the discriminator.
        hidden: units of its hidden layers; none: it is a logistic regression.
        inputs: statistics ``whitened`` by the reference's correlation, or ``standardised`` one by
            one, as for whole paths: statistics of kind ``path`` and ``hidden: [32, 32]`` make a
            discriminator of paths, which learns a thousand real ones by heart.
        held_out: share of the reference that the discriminator never learns from; its loss there
            says whether it memorises.
        averaged_share: last part of the run that the answer is the mean of.
        how: estimator of the gradient; ``auto`` takes the first that fits.
        width: of a difference, as a share of the range.
        interval: θ is set once per episode.
    """

    initial_theta: dict[str, float] | None = None
    start: Literal["default", "prior"] = "default"
    copies: Annotated[int, Ge(2)] = 500
    step: Annotated[float, Gt(0), Lt(1)] = 0.0025
    rate: Annotated[float, Gt(0), Lt(1)] = 0.01
    hidden: tuple[Annotated[int, Ge(1)], ...] = ()
    inputs: Inputs = "whitened"
    held_out: Annotated[float, Gt(0), Lt(1)] = 0.2
    averaged_share: Annotated[float, Gt(0), Lt(1)] = 0.3
    how: How = "auto"
    width: Annotated[float, Gt(0), Lt(0.5)] = 0.01
