"""What leaders cost in the duopoly, and what the followers' term of the derivative is worth."""

from __future__ import annotations

from pathlib import Path

from ..leaders import Contest, Entrant

FIVE = (
    "market.followers=5",
    "leader.averaged_share=0.6",
    "followers.minibatch_size=640",
    "followers.learning_rate_decay=geometric",
    "followers.final_learning_rate=2e-4",
    "training.copies=128",
    "training.pretrain_iterations=50",
    "training.iterations=250",
)
DIFFERENCES, WITHOUT = ("leader.how=differences",), ("leader.slope=none",)


def _from(start: float) -> Entrant:
    """One climb, on the whole range, whose middle is the answer."""
    options = (
        "market.largest_leader_quantity=12",
        "leader.starts=1",
        f"leader.initial_theta.leader_quantity={start}",
    )
    return Entrant(f"… from {start:g} alone", "duopoly_gradient", 6.0, 0.1, options)


NETWORK = ("leader.how=pathwise", "leader.slope=network")
SPARSE = ("leader.candidates=16",)

LEADERS = Contest(
    "duopoly_leaders",
    "Stackelberg duopoly: what leaders cost, and what a derivative through the followers is worth",
    "leader_quantity",
    (
        Entrant("gradient, n = 1", "duopoly_gradient", 6.0, 0.1),
        *(_from(start) for start in (4.0, 1.0, 11.0)),
        Entrant("… RLlib's followers, n = 1", "duopoly_gradient", 6.0, 0.1, route="array"),
        Entrant("gradient, n = 5", "duopoly_gradient", 6.0, 0.1, FIVE),
        Entrant("… by differences, n = 1", "duopoly_gradient", 6.0, 0.1, DIFFERENCES),
        Entrant("… by the policy's own slope, n = 1", "duopoly_gradient", 6.0, 0.1, NETWORK),
        Entrant("… without the followers' term", "duopoly_gradient", 4.0, 0.1, WITHOUT),
        Entrant(
            "… with θ hidden from followers",
            "duopoly_gradient",
            4.0,
            0.3,
            ("market.theta_visible=false", *DIFFERENCES),
        ),
        Entrant("ppo", "duopoly_ppo", 6.0, 0.1),
        Entrant("bayesian", "duopoly_bayesian", 6.0, 0.1),
        Entrant("random", "duopoly_random", 6.0, 0.1, SPARSE),
    ),
    (
        "Exact: q_L = 6 whatever n; Cournot q_L = 4 for whoever takes followers' quantities as "
        "given, and for whoever they cannot see. Unless the row says otherwise the gradient leader "
        "climbs from 2 and from three draws of [0, 10].",
        "Profit is the leader's among the trained followers, over the 36 / (n + 1) of theory. "
        "Steps are those of a copy of the market, for followers and for the leader's questions, "
        "checks of its derivative included.",
        "Recipe chosen on seeds 10 to 17 (duopoly_gradient: passes over a batch, 2 to 8, learning "
        "rate, exploration, widths; seven recipes). With five followers on the same seeds, some "
        "twenty recipes: what the other four try out hides what a quantity of one's own is worth, "
        "so that their answers waver by a percent, of which theory makes 15 times as much in the "
        "leader's. Batches twice as large and never cut, a learning rate that stays higher, and a "
        "mean over more of the run brought the farthest of eight seeds from 0.2 to 0.06.",
    ),
    worth=("leader_profit_over_stackelberg", "profit of theory"),
)


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """The table; it needs no jobs, as seconds are compared."""
    return LEADERS.reproduced(runs, out, jobs, seeds)
