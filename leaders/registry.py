"""The leaders by the name they have in an experiment file."""

from __future__ import annotations

from .analytic import AnalyticLeader
from .bayesian import BayesianLeader
from .leader import LeaderSettings
from .ppo import PPOLeader
from .search import FixedLeader, GridLeader, RandomLeader

LEADERS: dict[str, type[LeaderSettings]] = {
    leader.name: leader
    for leader in (
        FixedLeader,
        GridLeader,
        RandomLeader,
        AnalyticLeader,
        BayesianLeader,
        PPOLeader,
    )
}
