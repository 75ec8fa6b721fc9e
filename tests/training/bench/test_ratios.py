"""Ratios and their intervals, and the check that finds what has become slower."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.bench import bench
from pacesetter.training.bench.jax_race import INTERPRETER, JaxProcess, ours
from pacesetter.training.bench.load import BUSY, busy_cores, load_said
from pacesetter.training.bench.products import seconds_of_products
from pacesetter.training.bench.summary import is_ratio, summary
from pacesetter.training.studies.speed import JaxRace, Measured


def test_ratios_have_a_geometric_mean_and_an_interval_theory():
    """Turned around, a ratio's summary is turned around; it holds the true ratio."""
    assert is_ratio("cobweb/iteration_speedup_over_stock")
    assert not is_ratio("cobweb/array/env_steps_per_second")
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        values = 1.5 * np.exp(0.1 * generator.standard_normal(10))
        found = summary("a/speedup_over_b", list(values))
        back = summary("b/speedup_over_a", list(1.0 / values))
        assert found.value * back.value == pytest.approx(1.0)
        held += found.low <= 1.5 <= found.high
    assert 88 <= held <= 100


def test_other_figures_have_a_median_and_a_range():
    assert summary("a/seconds", [3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)


def slowed(monkeypatch, factor):
    values = iter([factor * 2.0, factor * 2.0, factor * 2.01, factor * 1.99] * 6)

    def measure(repeats, quick):
        return {"speedup_over_other": [next(values) for _ in range(repeats)]}

    monkeypatch.setattr(bench, "ALONE", {"small": Measured("a measurement", measure)})


@pytest.mark.parametrize(("factor", "slower"), [(1.0, 0), (0.985, 0), (0.9, 1)])
def test_a_check_finds_what_is_reproducibly_slower(monkeypatch, tmp_path, capsys, factor, slower):
    slowed(monkeypatch, factor)
    path = tmp_path / "before.json"
    path.write_text(json.dumps({"figures": {"small/speedup_over_other": 2.0}}), "utf-8")
    assert bench.check_against(path, ["small"], repeats=4) == slower
    said = capsys.readouterr().out
    assert ("slower: small/speedup_over_other was 2" in said) == bool(slower)
    assert ("measured again" in said) == bool(slower)


@pytest.mark.parametrize("text", ["", "[]", '{"figures": {"small/seconds": 1}}'])
def test_a_check_needs_a_table_with_ratios(tmp_path, text):
    path = tmp_path / "before.json"
    path.write_text(text, "utf-8")
    with pytest.raises(PacesetterError, match=r"before\.json"):
        bench.check_against(path, [], repeats=2)


def test_the_load_of_the_machine_is_measured_and_said():
    assert busy_cores(0.05) >= 0.0
    assert load_said(BUSY) == "nothing else running"
    assert "others used 1.5 cores" in load_said(1.5)


def test_products_take_time_and_less_than_all_of_it():
    experiment = ours(JaxRace("small", "cobweb", copies=4, steps=10), {"epochs": 1})
    products = seconds_of_products(experiment)
    products()
    assert 0.0 < products() < 1.0


def test_the_race_with_jax_says_what_it_needs(monkeypatch):
    monkeypatch.delenv(INTERPRETER, raising=False)
    with pytest.raises(PacesetterError, match="PACESETTER_JAX"):
        JaxProcess({"market": "cobweb"}, 0)
    monkeypatch.setenv(INTERPRETER, "/no/such/python")
    with pytest.raises(PacesetterError, match="cannot be started"):
        JaxProcess({"market": "cobweb"}, 0)
