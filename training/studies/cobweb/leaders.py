"""What leaders cost in the cobweb market: a price of information found again from prices."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from ..leaders import Contest, Entrant

KEY, WITHIN = "information_cost", 0.03
TASKS = tuple(product(("stable", "unstable"), (0.1, 0.22, 0.4)))
FOLLOWERS = (
    "followers.hidden_layers=[32,32]",
    "training.copies=32",
    "training.pretrain_iterations=40",
    "training.iterations=60",
)
CLIMB = (
    f"leader.initial_theta.{KEY}=0.6",
    "leader.starts=1",
    "leader.update_every=2",
    "leader.step=0.05",
)
EPISODES = {"ordered": 32, "score": 256, "differences": 32}
"""That a derivative is averaged over: likelihoods of 300 forecasts an episode are noisy."""
RANDOM = ("leader.name=random", "leader.candidates=8", "leader.update_every=4")


def _entrant(label: str, experiment: str, task: tuple[str, float], *options: str) -> Entrant:
    treatment, planted = task
    overrides = (
        *options,
        f"market.treatment={treatment}",
        f"objective.reference.theta.{KEY}={planted}",
        *FOLLOWERS,
    )
    return Entrant(f"{label}, {treatment}, λ = {planted:g}", experiment, planted, WITHIN, overrides)


LEADERS = Contest(
    "cobweb_leaders",
    "Cobweb market: what leaders cost that find a price of information again",
    KEY,
    (
        *(
            _entrant(
                f"gradient, {how}",
                "cobweb_planted_gradient",
                task,
                f"leader.how={how}",
                f"leader.copies_per_start={episodes}",
                *CLIMB,
            )
            for task in TASKS
            for how, episodes in EPISODES.items()
        ),
        *(_entrant("bayesian", "cobweb_planted_bayesian", task) for task in TASKS),
        *(
            _entrant("random", "cobweb_planted_bayesian", task, *RANDOM)
            for task in TASKS
            if task[1] == 0.22
        ),
    ),
    (
        "Prices are those of the computed logit equilibrium under a known λ of all producers, "
        "which is to be found again by the distance between distributions of prices. All leaders "
        "have the same followers (32 × 32, 100 iterations of 32 copies of 50 periods, 40 of them "
        "before the leader begins); the gradient leader climbs once, from 0.6.",
        "Steps are those of a copy of the market, for followers and for the leader's questions, "
        "checks of its derivative included.",
        "Length, widths and steps were chosen on seeds 10 and 11; 256 episodes for a derivative "
        "by score on seed 10, after one with 32 had ended 0.05 to 0.28 off on seed 0.",
    ),
)


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """The table; it needs no jobs, as seconds are compared."""
    return LEADERS.reproduced(runs, out, jobs, seeds)
