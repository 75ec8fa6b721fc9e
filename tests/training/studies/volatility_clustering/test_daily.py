"""Facts of daily returns with known values, the scan's law of scale, and the table of real days."""

from __future__ import annotations

import json
import re
import sys
import types

import numpy as np
import pytest

from pacesetter.envs.registry import make
from pacesetter.leaders.gradient.variational_guide import DivergedError
from pacesetter.leaders.objectives.calibration import Calibration, StylisedFacts
from pacesetter.leaders.objectives.references import CsvFile, UnfitReferenceError
from pacesetter.training.cli import main
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.loop.inference import answered, infer
from pacesetter.training.policies.policies import Policies
from pacesetter.training.studies.volatility_clustering.daily import scan as daily_scan
from pacesetter.training.studies.volatility_clustering.daily.facts import (
    LABELS,
    daily_facts,
    leverage,
    memory,
    tail,
)
from pacesetter.training.studies.volatility_clustering.daily.scan import (
    BOX,
    SETTLED,
    START,
    distance,
    looked_at,
    reached,
    scaled,
    spread,
)
from pacesetter.training.studies.volatility_clustering.daily.table import Size, daily_table

SMALL = ("training.iterations=3", "market.periods=60", "market.traders=30", "leader.draws=4")
INDICES = ("sp500", "nasdaq")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_the_tail_of_a_pareto_distribution_is_its_exponent():
    uniform = np.random.default_rng(1).random((20, 20_000))
    assert tail(uniform ** (-1 / 3)).mean() == pytest.approx(1 / 3, rel=0.02)
    assert (tail(np.ones((2, 100))) == 0.0).all()  # all alike
    assert (tail(np.zeros((2, 100))) == 0.0).all()  # nobody trades


def test_memory_is_that_of_fractional_noise():
    """(1 − L)^−d of white noise, by the weights of its binomial series."""
    number = 4000
    for d in (0.0, 0.2, 0.4):
        k = np.arange(1, number)
        weights = np.cumprod(np.concatenate([[1.0], (k - 1 + d) / k]))
        spectrum = np.fft.rfft(noise(40, number, seed=2), 2 * number) * np.fft.rfft(
            weights, 2 * number
        )
        series = np.fft.irfft(spectrum)[:, :number]
        assert memory(series).mean() == pytest.approx(d, abs=0.03)


def test_leverage_is_negative_where_a_fall_makes_the_market_restless():
    shocks, returns = noise(4, 20_000, seed=3), np.zeros((4, 20_000))
    for t in range(1, 20_000):
        returns[:, t] = np.where(returns[:, t - 1] < 0.0, 2.0, 1.0) * shocks[:, t]
    assert (leverage(returns) < -0.02).all()
    assert np.abs(leverage(-np.abs(shocks) * np.sign(noise(4, 20_000, seed=4)))).max() < 0.01
    found = daily_facts(np.where(noise(3, 400) < 0.0, 0.0, noise(3, 400, seed=5)))
    assert list(found) == list(LABELS)
    assert found["still"] == pytest.approx(0.5, abs=0.1)


def test_returns_scale_with_thresholds_news_and_depth():
    """Shock by shock, so that a scan need not look at scales."""
    market = make(
        "volatility_clustering",
        leader_sets=("log_alpha", "log_beta", "log_sigma", "log_eta", "logit_s"),
        traders=50,
        periods=200,
    )
    theta = spread(8, seed=0)
    small, large = (
        market.simulate(scaled(theta, c), seed=3, tangents=False).returns for c in (1.0, 0.01)
    )
    np.testing.assert_allclose(large, 0.01 * small, rtol=1e-9)


def test_the_scan_fills_its_box_and_judges_by_tolerances():
    theta = spread(300, seed=1)
    kept = np.stack(
        [theta[:, 0], theta[:, 0] - theta[:, 1], theta[:, 2], theta[:, 4]], axis=1
    )  # α, the mean threshold, σ and s, all for η = 1
    low, high = np.array(list(BOX.values())).T
    np.testing.assert_allclose(kept.mean(axis=0), (low + high) / 2, rtol=0.02, atol=0.05)
    assert ((kept >= low) & (kept <= high)).all()
    views = looked_at(theta[:2], 150, seed=0)
    assert set(views) == {START, SETTLED}
    assert set(views[START]) == set(LABELS)
    facts = {name: np.array([0.1, 0.1]) for name in LABELS}
    facts["excess_kurtosis"] = np.array([6.0, 9.0])
    data = dict.fromkeys(LABELS, 0.1) | {"excess_kurtosis": 4.0}
    np.testing.assert_allclose(distance(facts, data, ["excess_kurtosis", "tail"]), [2.0, 12.5])
    assert reached(facts, data)["long memory"].all()
    assert not reached(facts, data)["heavy tails"].any()


@pytest.fixture
def indices(monkeypatch):
    """The extra's two modules, with 320 days of each."""
    monkeypatch.setitem(sys.modules, "arch", types.ModuleType("arch"))
    monkeypatch.setitem(sys.modules, "arch.data", types.ModuleType("arch.data"))
    for seed, index in enumerate(INDICES):
        module = types.ModuleType(index)
        size = np.repeat(np.exp(0.5 * noise(16, seed=seed)), 20)
        prices = 100 * np.exp(np.cumsum(0.01 * size * noise(320, seed=9)))
        module.load = lambda prices=prices: {"Adj Close": prices}
        monkeypatch.setitem(sys.modules, f"arch.data.{index}", module)


def test_the_table_of_real_days_is_written_whole(indices, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(daily_scan, "SETTLING", 40)
    figures = daily_table(tmp_path, Size(paths=8, points=16, candidates=1, overrides=SMALL))
    name = "volatility_clustering_daily"
    assert json.loads((tmp_path / f"{name}.json").read_text())["figures"] == figures
    assert {path.name for path in tmp_path.glob("*.png")} == {
        f"{name}{end}.png" for end in ("", "_clustering", "_scan")
    }
    table = (tmp_path / f"{name}.md").read_text()
    rows = [line.count("|") for line in table.splitlines() if line.startswith("|")]
    widths = {6, 7, 17, 4}  # facts, posteriors, nearest θ, shares
    assert set(rows) == widths
    for index in INDICES:
        assert figures[f"{index}/everything/settled/deviation"] == pytest.approx(
            figures[f"{index}/data/deviation"]
        )
        assert figures[f"{index}/sizes/tail/low"] <= figures[f"{index}/sizes/tail/high"]
    assert "9/9" in capsys.readouterr().out


def test_without_the_extra_one_line_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "arch.data.sp500", None)
    line = ["reproduce", "volatility_clustering_daily", "--out", str(tmp_path / "results")]
    assert main([*line, "--runs", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "pip install 'pacesetter[data]'" in said
    assert not list((tmp_path / "results").glob("*"))


def test_prices_are_refused_where_returns_are_asked_for(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text("return\n" + "\n".join(map(str, 100 * np.exp(0.01 * noise(60)))))
    market = make("volatility_clustering", traders=20, periods=50)
    for objective in (
        Calibration(CsvFile(str(path)), quantity="return"),
        StylisedFacts(CsvFile(str(path)), quantities=("return",)),
    ):
        with pytest.raises(UnfitReferenceError, match="these are prices"):
            objective.samples(market)


def test_theta_that_make_the_market_diverge_are_left_out_and_counted():
    """Beyond e^±20 no path is walked: few draws of a prior lie there, or most of them."""

    def wild(middle):
        small = ("market.traders=20", "market.periods=40", "training.iterations=4")
        planted = {name: middle - 1.0 for name in ("log_alpha", "log_beta", "log_eta")}
        reference = f"objective.reference.theta={json.dumps(planted)}"
        mean = [middle, middle, 0.0, middle]
        prior = (f"market.prior_mean={mean}", "market.prior_deviation=[1, 1, 1, 1]")
        return load_experiment(
            "volatility_clustering_daily_variational",
            (*small, *prior, reference, "objective.lagged=false", "leader.draws=64"),
        )

    experiment = wild(18.3)
    guide, policies = experiment.guide(), Policies.untrained(experiment)
    for iteration in range(4):
        guide.learn(answered(experiment, policies, guide.question(), iteration), last=False)
    (lost,) = [text for text in guide.warnings() if "no finite loss" in text]
    number, asked = map(int, re.findall(r"\d+", lost))
    assert 0 < number < 0.4 * asked and asked == 4 * 64
    with pytest.raises(DivergedError, match="no finite θ or loss"):
        infer(wild(20.0))
