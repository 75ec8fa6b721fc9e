"""The market-entry study and its tables held to traders whose decisions are known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.market_entry.equilibrium import sorted_equilibrium, symmetric_entry, utilities
from pacesetter.envs.market_entry.laws import IN, OUT
from pacesetter.envs.registry import make
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Trained
from pacesetter.training.reproduction.judge import summarise
from pacesetter.training.reproduction.table import table
from pacesetter.training.studies.claims import Across, Reproduction, Trial
from pacesetter.training.studies.market_entry import tables as market_entry_reproductions
from pacesetter.training.studies.market_entry.regret import regrets
from pacesetter.training.studies.market_entry.study import (
    MARKET_ENTRY_STUDY,
    mean_deviation,
    percentage_change,
)
from pacesetter.training.studies.market_entry.tables import (
    ARMS,
    CAPACITIES,
    entry_tax,
    table_2,
    trial_name,
)


class Rule:
    """Traders who enter with a chance that depends on the last attendance and their position."""

    has_leader = False

    def __init__(self, market, chance):
        self.market, self.chance = market, chance

    def probabilities(self, group, observation):
        last = observation[:, 0] * self.market.attendance_unit + self.market.capacity
        chances = np.array(
            [
                self.chance(round(float(d)), IN if own > 0 else OUT)
                for d, own in zip(last, observation[:, 2], strict=True)
            ]
        )
        return np.stack([1 - chances, chances], axis=1)

    def act(self, state, generator, greedy=False):
        seen = self.market.observe(state)["trader"]
        chances = self.probabilities("trader", seen.reshape(-1, 4))[:, IN].reshape(seen.shape[:2])
        self.draws = getattr(self, "draws", np.random.default_rng(0))
        return {"trader": (self.draws.random(chances.shape) < chances).astype(int)}


def keeping(last, position):
    """Enter at first with the chance of the mixed equilibrium, then keep the position."""
    return 11 / 19 if last == 0 else float(position == IN)


def trained(chance, *overrides):
    experiment = load_experiment("market_entry_untaxed", overrides)
    return Trained(experiment, Rule(experiment.market, chance), np.array([0.0]))


def test_traders_who_alternate_have_the_deviation_and_change_of_a_square_wave():
    # 5 enter, then the other 15, for ever: roles by position alone, from a drawn start.
    case = trained(lambda last, position: 0.5 if last == 0 else float(position == OUT))
    results = MARKET_ENTRY_STUDY.measure(case).results
    assert results["position_changes"] == pytest.approx(0.99)
    attendance = np.tile([5.0, 15.0], 50)[None, :, None]
    assert mean_deviation(attendance) == pytest.approx(5 * np.sqrt(100 / 99))
    assert percentage_change(attendance) == pytest.approx((50 * 2 + 49 * 2 / 3) / 99)
    assert percentage_change(np.array([0.0, 3.0, 6.0])[None, :, None]) == 1.0
    assert percentage_change(np.zeros((1, 4, 1))) == 0.0


def test_those_who_keep_their_positions_have_no_volatility_beyond_the_first_move():
    results = MARKET_ENTRY_STUDY.measure(trained(keeping)).results
    assert results["attendance_deviation"] == 0.0
    assert results["attendance_percentage_change"] == 0.0
    assert results["position_changes"] == results["tax_paid"] == 0.0


def brute_force_regret(market, last, tax, chances):
    """Mean regret over traders after `last` entrants: all profiles of the others, one by one."""
    positions = [IN] * last + [OUT] * (market.traders - last)
    table, total = utilities(market, tax), 0.0
    for trader, position in enumerate(positions):
        others = [chances[p] for i, p in enumerate(positions) if i != trader]
        worth = np.zeros(2)
        for profile in itertools.product((0, 1), repeat=len(others)):
            chance = np.prod([p if a else 1 - p for a, p in zip(profile, others, strict=True)])
            worth += chance * table[position, :, sum(profile)]
        own = chances[position]
        total += worth.max() - ((1 - own) * worth[OUT] + own * worth[IN])
    return total / market.traders


@pytest.mark.parametrize("tax", [0.0, 0.1])
def test_regret_by_brute_force(tax):
    market = make("market_entry", traders=5, capacity=3, periods=3)
    chances = {OUT: 0.3, IN: 0.8}
    rule = Rule(market, lambda last, position: chances[position])
    attendance = np.array([2.0, 4.0, 5.0])[None, :, None]
    found = regrets(market, rule, attendance, np.full((1, 3, 1), tax))[0, :, 0]
    expected = [
        brute_force_regret(market, last, charged, chances)
        for last, charged in ((0, 0.0), (2, tax), (4, tax))
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_new_tax_counts_from_the_period_in_which_it_comes():
    everybody = trained(
        lambda last, position: 1.0, "market.traders=5", "market.capacity=3", "market.periods=30"
    )
    results = MARKET_ENTRY_STUDY.measure(everybody).results
    market, chances = everybody.experiment.market, {OUT: 1.0, IN: 1.0}
    taxed, untaxed = (brute_force_regret(market, 5, tax, chances) for tax in (0.1, 0.0))
    assert results["new_tax/regret"] == pytest.approx(taxed)
    assert taxed < untaxed  # leaving is taxed


def test_at_rest_there_is_nothing_to_regret_with_a_tax():
    market = make("market_entry")
    rule = Rule(market, lambda last, position: 11 / 19 if last == 0 else float(position == IN))
    at_rest = np.full((1, 50, 1), 12.0)
    # The first move is the mixed equilibrium; all later ones are strict best answers.
    assert regrets(market, rule, at_rest, np.full((1, 50, 1), 0.1)).mean() < 1e-5
    crowded = np.full((1, 50, 1), 14.0)
    assert regrets(market, rule, crowded, np.full((1, 50, 1), 0.1)).mean() > 1.0


def test_the_computed_equilibrium_has_no_regret_net_of_information_costs():
    market = make("market_entry", traders=8, capacity=5, information_cost=0.3)
    exact, first = sorted_equilibrium(market, 0.1), symmetric_entry(market, 0.0)

    def answer(last, position):
        return exact.entry[last, position] if last else first

    attendance = exact.sample(np.random.default_rng(0), 4, 50).T[None]
    assert attendance.min() > 0  # an empty market looks like the untaxed beginning
    tax = np.full(attendance.shape, 0.1)
    assert regrets(market, Rule(market, answer), attendance, tax).mean() < 1e-7
    biased = Rule(market, lambda last, position: 0.9 * answer(last, position))
    assert regrets(market, biased, attendance, tax).mean() > 5e-3


def test_published_figures_stand_beside_ours():
    experiment = load_experiment("market_entry_ppo")
    rows = {row.ours: row for row in MARKET_ENTRY_STUDY.rows(experiment)}
    assert rows["attendance_deviation"].expected == "1.62 with tax, 2.13 without"
    other = replace(experiment, market=make("market_entry", capacity=11))
    rows = {row.ours: row for row in MARKET_ENTRY_STUDY.rows(other)}
    assert rows["attendance_deviation"].expected == ""


def test_every_run_has_its_pictures():
    case = trained(keeping)
    findings = MARKET_ENTRY_STUDY.measure(case)
    drawn = MARKET_ENTRY_STUDY.figures(case.experiment, findings.results, findings.arrays)
    assert set(drawn) == {"attendance", "volatility"}


def entry_results(taxed):
    """Results of all trials of two seeds, deviations 2 untaxed and `taxed` with a leader."""
    keys = {key for trial in entry_tax().trials for key in trial.report}
    results = {}
    for arm, capacity in itertools.product(ARMS, CAPACITIES):
        value = 2.0 if arm == "untaxed" else taxed
        run = dict.fromkeys(keys, value) | {"attendance_mean_error": 0.5}
        results[trial_name(arm, capacity)] = [run, run]
    return results


@pytest.mark.parametrize(("taxed", "verdict"), [(1.4, 1.0), (1.6, 0.0)])
def test_the_claims_over_capacities(taxed, verdict):
    found = summarise(entry_tax(), entry_results(taxed))
    assert found["PPO leader, reduction of the deviation"] == pytest.approx(1 - taxed / 2)
    assert found["PPO leader, reduction of the deviation/passed"] == verdict
    assert found["PPO leader, capacities with less deviation"] == 9
    ratio = "conditional over fixed policy, mean regret once a tax has come"
    assert found[ratio] == pytest.approx(taxed / 2)
    assert found[f"{ratio}/passed"] == 0.0
    assert "PPO leader, reduction of the percentage change/passed" not in found


def test_table_2_has_the_paper_beside_ours(monkeypatch):
    monkeypatch.setattr(market_entry_reproductions, "_exact_deviations", lambda swap: [0.5] * 9)
    lines = table_2(entry_results(1.4))
    assert "| 12 | 2.00 | 1.40 | 1.40 | 2.13 | 1.62 |" in " ".join(lines)
    assert (
        sum(line.startswith("| mean | 2.00 | 1.40 | 1.40 | 1.83 | 1.34 |") for line in lines) == 1
    )


def test_a_figure_over_trials_is_judged_or_reported():
    trials = (Trial("duopoly_ppo", "a"), Trial("duopoly_ppo", "b"))

    def gap(results):
        return np.array([x["v"] - y["v"] for x, y in zip(results["a"], results["b"], strict=True)])

    reproduction = Reproduction(
        "title", trials, across=(Across("gap", gap, high=1.0), Across("plain gap", gap))
    )
    results = {"a": [{"v": 3.0}, {"v": 4.0}], "b": [{"v": 1.0}, {"v": 2.0}]}
    text = table(reproduction, results, "command", (0, 1))
    assert "| all | gap <= 1: 2 ± 0 | **no** |" in text
    assert "| all | plain gap: 2 ± 0 | reported |" in text
    one = {name: runs[:1] for name, runs in results.items()}
    text = table(reproduction, one, "command", (0,))
    assert "| all | gap <= 1: 2 | **no** |" in text
