"""A market in which nobody learns keeps the contract, and what has no meaning there is refused."""

from __future__ import annotations

import pytest
from small_markets import RuleBased, TwoGroups

from pacesetter.envs.check.report import check_market
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.parallel import ParallelMarket
from pacesetter.leaders.objectives.general import Adversarial, CallableObjective, Welfare


@pytest.mark.parametrize("market", [RuleBased(), TwoGroups()], ids=["rule_based", "two_groups"])
def test_keeps_the_contract(market):
    report = check_market(market, 30)
    assert report.ok, str(report)


def test_other_libraries_have_nothing_to_do_in_it():
    with pytest.raises(PacesetterError, match="no agents that act"):
        ParallelMarket(RuleBased())


@pytest.mark.parametrize(
    "objective", [Welfare(), Adversarial(), CallableObjective("small_markets:RuleBased")]
)
def test_nobody_earns_a_reward(objective):
    with pytest.raises(PacesetterError, match="choose an objective on one of its path quantities"):
        objective.measure(RuleBased(), 20)
