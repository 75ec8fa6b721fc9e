"""What leaders cost in the duopoly, and what the followers' term of the derivative is worth."""

from __future__ import annotations

from pathlib import Path

from ..leaders import Contest, Entrant

LONGER = ("training.pretrain_iterations=300", "training.iterations=300")
DIFFERENCES, WITHOUT = ("leader.how=differences",), ("leader.slope=none",)
FIVE = ("market.followers=5", *LONGER)

LEADERS = Contest(
    "duopoly_leaders",
    "Stackelberg duopoly: what leaders cost, and what a derivative through the followers is worth",
    "leader_quantity",
    (
        Entrant("gradient, n = 1", "duopoly_gradient", 6.0, 0.1),
        Entrant("gradient, n = 5", "duopoly_gradient", 6.0, 0.1, FIVE),
        Entrant(
            "… by differences, n = 1", "duopoly_gradient", 6.0, 0.1, ("leader.how=differences",)
        ),
        Entrant(
            "… by the policy's own slope, n = 1",
            "duopoly_gradient",
            6.0,
            0.1,
            ("leader.how=pathwise", "leader.slope=network"),
        ),
        Entrant(
            "… without the followers' term", "duopoly_gradient", 4.0, 0.1, ("leader.slope=none",)
        ),
        Entrant(
            "… with θ hidden from followers",
            "duopoly_gradient",
            4.0,
            0.3,
            ("market.theta_visible=false", *DIFFERENCES),
        ),
        Entrant("ppo", "duopoly_ppo", 6.0, 0.1),
        Entrant("bayesian", "duopoly_bayesian", 6.0, 0.1),
        Entrant("random", "duopoly_random", 6.0, 0.1),
    ),
    (
        "Exact: q_L = 6 whatever n; Cournot q_L = 4 for whoever takes followers' quantities as "
        "given, and for whoever they cannot see. The gradient leader climbs from 2 and from three "
        "draws of [0, 10].",
        "Recipe chosen on seeds 10 to 17 (duopoly_gradient: passes over a batch, 2 to 8, learning "
        "rate, exploration, widths; seven recipes); with five followers on seeds 10 to 13.",
    ),
)


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """The table; it needs neither runs nor jobs, as seconds are compared."""
    return LEADERS.reproduced(runs, out, jobs, seeds)
