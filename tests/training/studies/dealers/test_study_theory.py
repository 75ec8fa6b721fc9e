"""The study of makers and investors: those who do what is computed have no error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.dealers import investing, quoting
from pacesetter.envs.dealers.competition import Mixture
from pacesetter.leaders.search.fixed import FixedLeader
from pacesetter.training.cli import main
from pacesetter.training.evaluation.identify import identify
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies, Trained
from pacesetter.training.studies.dealers.study import figures, measure, rows
from pacesetter.training.studies.dealers.tables import investors, makers, planted


class Computed(Policies):
    """Makers who quote, and investors who time, as computed."""

    def act(self, state, generator, greedy=False):
        market = self.market
        if market.scenario == "investors":
            return {"investor": timed(market, state)}
        if market.makers > 1:
            game = Mixture(market.makers, float(state.theta[0, 0]))
            tried = np.linspace(game.lowest, 1.0 / 1.5, 2001)
            drawn = np.random.default_rng(int(state.clock[0])).random((len(state.theta), 2, 2))
            return {"maker": np.interp(drawn, 1.0 - game.above(tried), tried)}
        risk, connectivity = state.theta[0]
        table = quoting.quotes_of(int(np.round(10 * connectivity)), float(risk))
        q = state.maker_inventory.astype(int) + quoting.MOST_INVENTORY
        return {"maker": table[q]}


def timed(market, state):
    """The threshold of profit alone, which is best at a weight of one, and poor at others."""
    left = market.periods - state.clock[:, None]
    worth = -state.deviation[:, None] * (1.0 - 0.9**left)
    choice = np.where(worth > investing.COST, 1, np.where(-worth > investing.COST, 2, 0))
    return np.broadcast_to(choice, state.buys.shape)


def findings(name, *overrides):
    experiment = load_experiment(name, list(overrides))
    theta = experiment.market.characteristics.default
    return experiment, measure(Trained(experiment, Computed.untrained(experiment), theta))


def test_exact_quotes_have_no_error():
    experiment, found = findings("dealers_makers")
    results = found.results
    for kind in ("grid", "held_out"):
        assert results[f"{kind}/reward_share"] == pytest.approx(1.0)
        assert results[f"{kind}/slope_error"] < 1e-9
    assert results["slope_rises_with_risk"] == results["slope_falls_with_connectivity"] == 1.0
    assert {row.ours for row in rows(experiment)} <= set(results)
    assert set(figures(experiment, results, found.arrays)) == {"skew"}


def test_quotes_that_ignore_inventory_are_found_out():
    experiment = load_experiment("dealers_makers", [])
    found = measure(
        Trained(
            experiment, Policies.untrained(experiment), experiment.market.characteristics.default
        )
    ).results
    assert found["grid/reward_share"] < 0.5
    assert found["grid/slope_error"] > 0.5


def test_profit_alone_is_right_for_one_weight():
    experiment, found = findings("dealers_investors", "evaluation.copies=400", "market.periods=20")
    results = found.results
    # 400 days of 20 steps, of P&L 5.9 with a deviation of 7 or so.
    assert results["1/value_share"] == pytest.approx(1.0, abs=0.2)
    assert results["0.25/value_share"] < 0.9
    assert results["1/x_bought"] < -0.8 and results["1/x_sold"] > 0.8
    assert {row.ours for row in rows(experiment)} <= set(results)
    assert set(figures(experiment, results, found.arrays)) == {"timing"}


def test_mixed_offsets_are_no_better_answered():
    experiment, found = findings("dealers_competition", "evaluation.copies=100")
    for c in ("0.25", "0.5", "0.75"):
        assert found.results[f"{c}/mean_error"] < 0.03
        assert found.results[f"{c}/best_answer_gain"] < 0.06
    assert found.results["tighter_with_connectivity"] == 1.0
    assert set(figures(experiment, found.results, found.arrays)) == {"offsets"}


def test_what_the_tables_claim_is_measured():
    reports = {claim.key for trial in makers().trials[:1] for claim in trial.claims}
    assert reports <= set(findings("dealers_makers")[1].results)
    assert {trial.experiment for trial in investors().trials} == {
        "dealers_investors", "dealers_both",
    }  # fmt: skip
    found = {"theta/risk_aversion_mean": 0.055, "theta/connectivity_mean": 0.45}
    results = {trial.name: [found] for trial in planted().trials}
    shares = [float(claim.value(results)[0]) for claim in planted().across]
    assert shares == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("makers_are", ["computed", "learning"])
def test_types_are_identified_before_anybody_learns(makers_are):
    """One maker's quotes are computed, whether it is to learn or not."""
    experiment = load_experiment("dealers_planted", [])
    market = replace(experiment.market, makers_are=makers_are)
    experiment = replace(experiment, market=market, leader=FixedLeader())
    found = identify(experiment, {}, None, 300)
    errors = {name: error for name, _, error, _, _ in found.rows()}
    assert 0.0 < errors["risk_aversion_mean"] < 0.02
    assert 0.0 < errors["connectivity_mean"] < 0.1


@pytest.mark.parametrize("route", ["local", "stock"])
def test_makers_and_investors_learn_together(route, tmp_path):
    """Each with its own network; a counterfactual tells who adapts."""
    line = ["train", "dealers_both", f"training.route={route}", "--runs", str(tmp_path)]
    line += ["followers.maker.hidden_layers=[8]", "followers.investor.hidden_layers=[6]"]
    line += ["training.copies=4", "training.rollout_steps=10", "training.iterations=2"]
    line += ["market.periods=10", "evaluation.copies=4", "followers.default.minibatch_size=64"]
    line += ["followers.maker.final_action_deviation=null"]  # stock RLlib has none
    assert main([*line, "--name", "run", "--quiet"]) == 0
    assert main(["counterfactual", str(tmp_path / "run"), "theta.connectivity_mean=0.9"]) == 0
    assert (tmp_path / "run" / "counterfactual.png").exists()
