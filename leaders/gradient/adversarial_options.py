"""Options of the game between a leader and a discriminator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from ..leader import How
from .recipes import NormalPrior

Inputs = Literal["whitened", "standardised"]


@dataclass(frozen=True)
class AdversarialOptions:
    """Moves θ until a discriminator cannot tell simulated statistics from those of the reference.

    Leader and discriminator take one step of Adam each in every iteration, the former on fresh
    episodes, the latter on these and on all real paths. Steps are constant for half of the game and
    then fall; the answer is the mean over its last part. An objective whose further statistics wait
    for an estimate of θ gives these to a second game, with a new discriminator, about the answer of
    the first.

    Attributes:
        initial_theta: name -> value of where it begins; entries left out take the default.
        start: ``default``; ``prior`` or ``normal`` to draw what `initial_theta` leaves out,
            from the market's prior or from `normal`.
        normal: see `NormalPrior`; what is drawn outside of the bounds begins at them.
        off_zero: a drawn start keeps so far from zero where bounds lie on both sides of it:
            where no path shows a sign, nothing depends on θ at zero.
        copies: episodes of an iteration.
        bank: sets of episodes that come back in turn, which saves their shocks from being drawn
            anew where a market keeps them; None: every iteration has new ones.
        step: of θ, as a share of the range.
        sharpened_after: share of the run that the first game takes where there is a second; None:
            there is none.
        sharp_step: `step` of the second.
        rate: of the discriminator.
        penalty: of the discriminator's weights, half of their squares: what it learns of a
            thousand paths by heart does not help it elsewhere.
        hidden: units of its hidden layers; none: it is a logistic regression.
        inputs: statistics ``whitened`` by the reference's correlation, or ``standardised`` one by
            one, as for whole paths: statistics of kind ``path`` and ``hidden: [32, 32]`` make a
            discriminator of paths, which learns a thousand real ones by heart.
        held_out: share of the reference that a second discriminator, which moves nothing, never
            learns from; its loss there says whether such discriminators memorise.
        averaged_share: last part of the run that the answer is the mean of.
        how: estimator of the gradient; ``auto`` takes the first that fits.
        width: of a difference, as a share of the range.
        interval: θ is set once per episode.
    """

    initial_theta: dict[str, float] | None = None
    start: Literal["default", "prior", "normal"] = "default"
    normal: NormalPrior = field(default_factory=NormalPrior)
    off_zero: Annotated[float, Ge(0)] = 0.0
    copies: Annotated[int, Ge(2)] = 500
    bank: Annotated[int, Ge(2)] | None = None
    step: Annotated[float, Gt(0), Lt(1)] = 0.0025
    sharpened_after: Annotated[float, Gt(0), Lt(1)] | None = None
    sharp_step: Annotated[float, Gt(0), Lt(1)] = 0.00125
    rate: Annotated[float, Gt(0), Lt(1)] = 0.01
    penalty: Annotated[float, Ge(0)] = 0.0
    hidden: tuple[Annotated[int, Ge(1)], ...] = ()
    inputs: Inputs = "whitened"
    held_out: Annotated[float, Gt(0), Lt(1)] = 0.2
    averaged_share: Annotated[float, Gt(0), Lt(1)] = 0.3
    how: How = "auto"
    width: Annotated[float, Gt(0), Lt(0.5)] = 0.01
