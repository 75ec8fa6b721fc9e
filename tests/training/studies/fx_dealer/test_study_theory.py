"""The study of currency dealers: dealers who do what is computed have no error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies, Trained
from pacesetter.training.studies.claims import Reproduction
from pacesetter.training.studies.fx_dealer import tables
from pacesetter.training.studies.fx_dealer.learned import Ladder
from pacesetter.training.studies.fx_dealer.shares import shares
from pacesetter.training.studies.fx_dealer.study import AVERSIONS, figures, measure, rows

SPAN = 1.2


def actions_of(markup, hedge):
    """The actions in [−1, 1] that quote so and hedge so."""
    u = np.sign(hedge) * (np.sqrt(np.abs(hedge) / 10.0) * 0.9 + 0.1 * (hedge != 0.0))
    flat = markup.reshape(*hedge.shape, -1)
    return np.concatenate([(flat + 0.4) / SPAN - 1.0, u[..., None]], axis=-1)


class Computed(Policies):
    """Dealers alone who play the best policy of the step game, by interpolation."""

    def act(self, state, generator, greedy=False):
        best = self.market.step_game(float(state.theta[0, 0])).solve()
        places = np.array([best.at(q) for q in state.inventory[:, 0]])
        markup = best.markup[places].clip(-0.4, 2.0)
        hedge = best.hedge[places] * self.market.pair.dt
        return {"dealer": actions_of(markup, hedge)[:, None]}


class ClosedForm(Policies):
    """Dealers who quote by the closed form of their own type."""

    def act(self, state, generator, greedy=False):
        market = self.market
        types = market.types
        gamma = types.aversion(state.theta, state.type_quantiles)
        reach = types.reach(state.theta, state.type_quantiles)
        markup, hedge = market.ladders.closed_form(state.inventory, gamma, reach)
        return {"dealer": actions_of(markup.clip(-0.4, 2.0), hedge)}


def trained(policies, name, *overrides):
    """These policies in place of an experiment's own, at its leader's answer."""
    experiment = load_experiment(name, list(overrides))
    theta = experiment.guide().answer(lambda: experiment.market.characteristics.default)
    return Trained(experiment, policies.untrained(experiment), np.asarray(theta))


def test_the_best_ladder_has_no_error():
    played = trained(Computed, "fx_dealer_learning")
    found = measure(played)
    for gamma in AVERSIONS:
        # Mark-ups stop at 2 bp, which binds far from what is met, and grid points are whole.
        assert found.results[f"{gamma:g}/gain_share"] == pytest.approx(1.0, abs=2e-4)
        assert found.results[f"{gamma:g}/skew_error"] < 0.01
        assert found.results[f"{gamma:g}/zone_error"] == 0.0
        assert found.results[f"{gamma:g}/hedge_monotone"] == 1.0
    keys = {row.ours for row in rows(played.experiment)}
    assert keys <= set(found.results)
    drawn = figures(played.experiment, found.results, found.arrays)
    assert set(drawn) == {"ladder"}


def test_a_ladder_is_read_off_at_what_is_held_after_the_hedge():
    q = np.arange(-3.0, 4.0)
    markup = np.zeros((7, 1, 1, 2))
    markup[:, 0, 0, 0], markup[:, 0, 0, 1] = 0.2 + 0.01 * q, 0.2 - 0.01 * q
    ladder = Ladder(q, markup, -np.sign(q) * np.maximum(np.abs(q) - 1.0, 0.0) / 2.0)
    assert ladder.zone() == 1.5
    assert ladder.monotone()
    # Who held 2 M has hedged half a million: 1.5 M quote as 2 M did.
    assert ladder.skew(1.5) == pytest.approx(-0.02)
    assert ladder.spread(0) == pytest.approx(0.4)
    assert not Ladder(q, markup, 0.1 * q).monotone()


def test_dealers_by_the_closed_form_share_the_flow_about_as_computed():
    found = shares(trained(ClosedForm, "fx_dealer_composition", "evaluation.copies=60"))
    assert found["volume_share_error"] < 0.06
    assert found["internalisation_error"] < 0.12
    assert found["size_share_error"] < 0.12
    assert found["computed/volume_share_3"] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    "table", [tables.ladders, tables.spreads, tables.composition, tables.planted]
)
def test_trials_of_the_tables_are_experiments(table):
    reproduction = table()
    assert isinstance(reproduction, Reproduction)
    for trial in reproduction.trials:
        load_experiment(trial.experiment, trial.overrides)


def test_answers_that_are_right_have_the_right_shares(monkeypatch):
    one = replace(tables.PLANTED, observations=1)
    monkeypatch.setattr(tables, "PLANTED", one)
    found = {f"theta/{name}": value for name, value in one.theta.items()}
    results = {one.trials[0].name: [found]}
    assert tables.share_error(results) == pytest.approx(0.0, abs=1e-12)
    found["theta/connectivity_1"] += 0.1
    # By 0.26 more of the share per unit of the connectivity.
    assert tables.share_error(results) == pytest.approx(0.025, abs=2e-3)


def test_a_target_for_a_dealer_who_is_not_there_is_refused():
    with pytest.raises(PacesetterError, match="won_4_1M"):
        load_experiment(
            "fx_dealer_planted", ["objective.statistics=[{quantity: won_4_1M}]"]
        ).bound()
    with pytest.raises(PacesetterError, match="3 share"):
        load_experiment(
            "fx_dealer_composition", ["market.dealers=2", "market.target_shares=[.15,.35,.5]"]
        )
