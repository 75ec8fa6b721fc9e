"""The household study held to households whose decisions are known."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.household_economy.saving import saving_share
from pacesetter.envs.registry import make
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.play import play
from pacesetter.training.policies.policies import Trained
from pacesetter.training.studies.household_economy import rules_of_thumb as household_constant
from pacesetter.training.studies.household_economy.rules_of_thumb import (
    best_constant_policy,
    random_households,
)
from pacesetter.training.studies.household_economy.study import HOUSEHOLD_STUDY


class Rule:
    """Households that decide by a function of the market's state, under no leader."""

    has_leader = False

    def __init__(self, decide):
        self.decide = decide

    def act(self, state, generator, greedy=False):
        saving, hours = self.decide(state)
        shape = state.wealth.shape
        return {
            "household": np.stack(
                np.broadcast_arrays(*(np.broadcast_to(x, shape) for x in (saving, hours))), axis=-1
            )
        }


def trained(name, decide, *overrides):
    experiment = load_experiment(name, overrides)
    theta = experiment.market.characteristics.default
    return Trained(experiment, Rule(decide), np.asarray(theta, dtype=np.float64))


@pytest.mark.parametrize("error", [0.0, 0.04])
def test_the_error_of_a_saving_share_is_found(error):
    findings = HOUSEHOLD_STUDY.measure(
        trained("household_saving", lambda state: (0.95 - error, 0.1))
    )
    assert findings.results["saving_share_error"] == pytest.approx(error, abs=1e-6)


def test_the_finite_horizon_rule_has_no_error():
    def decide(state):
        left = 19 - state.clock
        return np.array([saving_share(0.95, int(n)) for n in left])[:, None], 0.1

    findings = HOUSEHOLD_STUDY.measure(trained("household_saving_end", decide))
    assert findings.results["saving_share_error"] < 1e-6
    constant = HOUSEHOLD_STUDY.measure(trained("household_saving_end", lambda state: (0.5, 0.1)))
    assert constant.results["saving_share_error"] == pytest.approx(0.5, abs=1e-6)  # the last year


def test_years_after_an_early_end_are_left_out():
    overrides = (
        "evaluation.copies=3",
        "evaluation.episodes=2",
        "market.periods=6",
        "leader.interval=3",
    )
    case = trained("household_taxai_ppo", lambda state: (0.5005, 0.3), *overrides)
    everything = play(case.experiment, case.policies, case.theta)
    played = everything.quantities
    lived = np.isfinite(played["welfare"]).sum(axis=1)  # (E, B)
    paid = np.bincount(everything.episode, minlength=lived.size).reshape(lived.shape)
    np.testing.assert_array_equal(paid, np.ceil(lived / 3))
    assert (lived < 6).all()  # an economy that eats up everything does not see the sixth year
    ended = played["end_reason"]
    for episode, copy in np.ndindex(*lived.shape):
        last = lived[episode, copy] - 1
        assert ended[episode, last, copy] > 0
        assert np.isnan(played["wealth"][episode, last + 1 :, copy]).all()
        assert (ended[episode, :last, copy] == 0).all()


def test_the_best_constant_policy_is_the_best_of_one_by_one(monkeypatch):
    monkeypatch.setattr(household_constant, "SAVING_SHARES", (0.6, 0.85, 0.95))
    monkeypatch.setattr(household_constant, "HOURS", (0.2, 0.4))
    monkeypatch.setattr(household_constant, "TAX_SHARES", (0.0, 0.5))
    market = make("household_economy", accounting="taxai", households=12, periods=40)
    monkeypatch.setattr(household_constant, "FINALISTS", 12)
    copies = 6
    best = best_constant_policy(market, seed=3, copies=copies)

    def alone(saving, hours, tax):
        welfare = 0.0
        for economy in range(copies):
            theta = np.array([tax * entry.high for entry in market.characteristics.entries])
            theta[-1] = 0.0
            state = market.set_characteristics(market.reset(3 + economy), theta[None])
            for _ in range(40):
                step = market.step(state, {"household": np.full((1, 12, 2), [saving, hours])})
                welfare, state = welfare + step.quantities["welfare"][0], step.state
                if step.terminated[0]:
                    break
        return welfare / (copies * 40)

    values = {
        (saving, hours, tax): alone(saving, hours, tax)
        for saving in (0.6, 0.85, 0.95)
        for hours in (0.2, 0.4)
        for tax in (0.0, 0.5)
    }
    found = (best.saving_share, best.hours, best.tax_share)
    assert found == max(values, key=values.get)
    assert best.outcome.welfare_of_horizon == pytest.approx(values[found], rel=1e-12)
    assert len(set(values.values())) > 6  # the grid is not flat


def test_random_households_soon_end_the_full_economy():
    market = make("household_economy", accounting="taxai", tax_rule="saez")
    outcome = random_households(market, seed=0)
    assert outcome.years_survived < 10  # of 300
    assert outcome.welfare_of_horizon < 0.1 * outcome.welfare
