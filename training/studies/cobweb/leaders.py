"""What leaders cost in the cobweb market: a price of information found again from prices."""

from __future__ import annotations

from pathlib import Path

from ..leaders import Contest, Entrant

PLANTED = (0.1, 0.22, 0.4)
TREATMENTS = ("stable", "unstable")
ESTIMATORS = ("ordered", "score", "differences")
SEARCH = ("training.pretrain_iterations=60", "training.iterations=120")
KEY, WITHIN = "information_cost", 0.03


def _entrant(leader: str, treatment: str, planted: float, *options: str, how: str = "") -> Entrant:
    overrides = (
        f"market.treatment={treatment}",
        f"objective.reference.theta.{KEY}={planted}",
        *((f"leader.how={how}",) if how else ()),
        *options,
    )
    label = f"{leader}{', ' if how else ''}{how}, {treatment}, λ = {planted:g}"
    return Entrant(label, f"cobweb_planted_{leader}", planted, WITHIN, overrides)


LEADERS = Contest(
    "cobweb_leaders",
    "Cobweb market: what leaders cost that find a price of information again",
    KEY,
    (
        *(
            _entrant("gradient", treatment, planted, how=how)
            for treatment in TREATMENTS
            for planted in PLANTED
            for how in ESTIMATORS
        ),
        *(
            _entrant("bayesian", treatment, planted, *SEARCH)
            for treatment in TREATMENTS
            for planted in PLANTED
        ),
    ),
    (),
)


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """The table; it needs no jobs, as seconds are compared."""
    return LEADERS.reproduced(runs, out, jobs, seeds)
