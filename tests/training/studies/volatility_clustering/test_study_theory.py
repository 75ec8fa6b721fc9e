"""Facts of returns with known values, the study's figures, and memory that stays where it is."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from pacesetter.training.cli import main
from pacesetter.training.evaluation.evaluate import load_trained
from pacesetter.training.runs.run_folder import RunFolder
from pacesetter.training.studies.volatility_clustering.facts import autocorrelation, facts
from pacesetter.training.studies.volatility_clustering.memory import megabytes, memory_table
from pacesetter.training.studies.volatility_clustering.speed import ALONE, volatility_clustering
from pacesetter.training.studies.volatility_clustering.study import (
    VOLATILITY_STUDY,
    predicted,
    reference_of,
)

TINY = (
    "training.copies=8",
    "training.iterations=3",
    "market.traders=50",
    "evaluation.copies=4",
)


def test_facts_of_known_series():
    """An autoregressive series has φ^lag; returns of two sizes have the kurtosis of a mixture."""
    generator = np.random.default_rng(0)
    noise, series = generator.normal(size=(8, 20_000)), np.zeros((8, 20_000))
    for t in range(1, 20_000):
        series[:, t] = 0.6 * series[:, t - 1] + noise[:, t]
    np.testing.assert_allclose(
        autocorrelation(series, [1, 2, 5]).mean(axis=0), 0.6 ** np.array([1, 2, 5]), atol=0.01
    )
    size = np.where(generator.random((8, 20_000)) < 0.5, 1.0, 3.0)
    found = facts(size * generator.normal(size=size.shape))
    assert found["deviation"].mean() == pytest.approx(5**0.5, rel=0.01)
    assert found["excess_kurtosis"].mean() == pytest.approx(3 * 41 / 25 - 3, abs=0.1)
    assert np.abs(found["clustering/10"]).max() < 0.03
    assert set(facts(np.ones((2, 40)))) == {
        "deviation",
        "excess_kurtosis",
        "clustering/1",
        "clustering/10",
        "autocorrelation/1",
    }
    assert (facts(np.ones((2, 40)))["clustering/1"] == 0.0).all()


@pytest.mark.parametrize("leader", ["random", "analytic"])
def test_a_run_is_measured_without_ray(leader, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    name = "volatility_clustering_random"
    options = (*TINY, f"leader.name={leader}", *(["leader.candidates=null"] * (leader != "random")))
    assert main(["train", name, *options, "--runs", str(tmp_path), "--name", "run", "--quiet"]) == 0
    run = RunFolder.open(tmp_path / "run")
    results, trained = json.loads((run.path / "results.json").read_text()), load_trained(run)
    observed = reference_of(trained.experiment)
    assert observed is not None and len(observed) == 100
    assert results["reference/deviation"] == pytest.approx(observed.std())
    assert results["answer/deviation/low"] <= results["answer/deviation/high"]
    assert results["recovery_error/log_eta"] >= 0.0
    rows = VOLATILITY_STUDY.rows(trained.experiment)
    assert all(row.ours in results for row in rows)
    assert rows[0].expected == f"{observed.std():.3g}"
    assert {"log_prices.png", "clustering.png"} <= {
        p.name for p in (run.path / "figures").iterdir()
    }
    paths = predicted(trained, 60)
    spread = paths.std(axis=1).std() / paths.std()
    # Draws of θ differ by far more than paths of one θ.
    assert (spread > 0.5) == (leader == "analytic")


def test_a_run_with_learning_traders_is_measured_with_their_policies(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    options = (*TINY, "market.learning_traders=2", "training.route=local", "market.periods=30")
    options = (*options, "training.pretrain_iterations=1", "training.rollout_steps=30")
    line = ["train", "volatility_clustering_random", *options, "--runs", str(tmp_path), "--quiet"]
    assert main([*line, "--name", "run"]) == 0
    trained = load_trained(RunFolder.open(tmp_path / "run"))
    paths = predicted(trained, 40)
    assert paths.shape == (200, 40) and paths.std() > 0.0
    assert (np.abs(paths) * np.exp(trained.theta[3]) <= 1.0 + 1e-9).all()


def test_a_market_without_a_reference_of_returns_is_measured_too(tmp_path):
    name, chosen = "volatility_clustering_random", ("objective.quantities=[mean_threshold]",)
    options = (*TINY, *chosen, "market.signal=private")
    assert main(["train", name, *options, "--runs", str(tmp_path), "--name", "run", "--quiet"]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert "reference/deviation" not in results and results["answer/deviation"] > 0.0


def test_the_report_says_how_much_of_a_long_series_was_compared(tmp_path):
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.5, 2500)))
    (tmp_path / "prices.csv").write_text("price\n" + "\n".join(map(str, prices)))
    reference = f"objective.reference={{name: prices, path: '{tmp_path / 'prices.csv'}'}}"
    options = (*TINY, "objective={name: mmd}", reference)
    line = ["train", "volatility_clustering_random", *options, "--runs", str(tmp_path), "--quiet"]
    assert main([*line, "--name", "run"]) == 0
    experiment = load_trained(RunFolder.open(tmp_path / "run")).experiment
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    (row,) = [row for row in VOLATILITY_STUDY.rows(experiment) if row.ours.endswith("/compared")]
    assert results[row.ours] == 2000 and row.expected == "2499 observations"


def test_memory_of_tangents_does_not_grow_with_periods_and_that_of_a_graph_does(tmp_path):
    figures = memory_table(tmp_path, traders=(20_000,), periods=(50, 200))
    assert abs(figures["forward/20000_traders/rise_over_periods/megabytes"]) < 1.0
    assert figures["reverse/20000_traders/bytes_per_trader_and_period"] > 8.0
    table = (tmp_path / "volatility_clustering_memory.md").read_text()
    assert "| forward | 20,000 |" in table
    assert (tmp_path / "volatility_clustering_memory.png").exists()
    assert megabytes("forward", 10**6, 200) < 60.0


def test_the_benchmark_measures_what_it_aims_at():
    figures = volatility_clustering(1, quick=True)
    assert set(ALONE.goals) <= set(figures)
    assert figures["counted_with_tangents/milliseconds"][0] < figures["arrays/milliseconds"][0]
