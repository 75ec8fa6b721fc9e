"""What leaders cost in the labour tax."""

from __future__ import annotations

from pathlib import Path

from ....envs.labour_tax.market import LabourTax
from ..leaders import Contest, Entrant

PAIRS = ((0.5, 2.0), (1.0, 2.0), (1.0, 1.0))


def _entrant(leader: str, variance: float, inverse_elasticity: float) -> Entrant:
    market = LabourTax(productivity_variance=variance, inverse_frisch_elasticity=inverse_elasticity)
    options = (
        f"market.productivity_variance={variance}",
        f"market.inverse_frisch_elasticity={inverse_elasticity}",
    )
    exact = market.benchmark()["optimal_tax_progressivity"]
    label = f"{leader}, v = {variance:g}, ζ = {inverse_elasticity:g}"
    if leader == "random":
        return Entrant(label, "labour_tax_bayesian", exact, 0.01, ("leader.name=random", *options))
    return Entrant(label, f"labour_tax_{leader}", exact, 0.01, options)


LEADERS = Contest(
    "labour_tax_leaders",
    "Static labour tax: what leaders cost",
    "tax_progressivity",
    (
        *(_entrant("gradient", *pair) for pair in PAIRS),
        _entrant("ppo", *PAIRS[0]),
        _entrant("bayesian", *PAIRS[0]),
        _entrant("random", *PAIRS[0]),
    ),
    (
        "400 households; exact values are those of many. The gradient leader takes wide "
        "differences, as its own rule has it: an implicit slope would take second derivatives of "
        "400 households.",
        "Recipe of labour_tax_ppo with fewer iterations, looked at on seeds 10 to 12.",
    ),
)


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """The table; it needs no jobs, as seconds are compared."""
    return LEADERS.reproduced(runs, out, jobs, seeds)
