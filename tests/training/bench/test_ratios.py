"""Ratios and their intervals, and the check that finds what has become slower."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.bench import bench
from pacesetter.training.bench.jax_race import INTERPRETER, JaxProcess, ours
from pacesetter.training.bench.machine import profile, threads
from pacesetter.training.bench.machine.load import BUSY, busy_cores, load_said
from pacesetter.training.bench.machine.products import seconds_of_products
from pacesetter.training.bench.summary import is_ratio, summary
from pacesetter.training.studies.speed import JaxRace, Measured, Threads


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
    made = {"matrix_kernels": "others"} if slower else {}
    path.write_text(json.dumps({"machine": made, "figures": {"small/speedup_over_other": 2.0}}))
    assert bench.check_against(path, ["small"], repeats=4) == slower
    said = capsys.readouterr().out
    assert ("of another machine (others there, " in said) == bool(slower)
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
    monkeypatch.setenv(INTERPRETER, sys.executable)  # which finds the suite, and lacks JAX
    with pytest.raises(PacesetterError, match=r"does not run there \(.*No module named 'jax'\)"):
        bench.run_benchmarks(["cobweb_jax"])


def test_two_threads_are_timed_on_idle_and_on_busy_cores(monkeypatch):
    monkeypatch.setattr(threads, "ENOUGH", 0.01)
    figures = threads.by_threads(Threads("small", "cobweb", copies=8, steps=10), repeats=2)
    assert set(figures) == {
        f"{when}/{name}"
        for when in ("idle", "busy")
        for name in ("1_threads/seconds", "2_threads/seconds", "iteration_speedup_over_one_thread")
    }
    assert all(len(values) == 2 and min(values) > 0.0 for values in figures.values())


def test_a_profile_accounts_for_the_whole_iteration_theory(tmp_path):
    """Shares add up to one; products take less than what they are part of."""
    experiment = ours(JaxRace("small", "cobweb", copies=8, steps=20), {"epochs": 2})
    found = profile.profile(experiment, iterations=3)
    assert sum(found.parts.values()) == pytest.approx(1.0)
    assert min(found.parts.values()) >= 0.0 and found.parts["gradients"] > 0.05
    assert found.parts["gradients"] < found.learner < 1.0
    assert set(found.products) == {"acting", "values", "learning"}
    profile.write({"small": found}, tmp_path, load=0.0)
    assert "small" in (tmp_path / f"{profile.NAME}.md").read_text("utf-8")
    assert (tmp_path / f"{profile.NAME}.png").stat().st_size > 10_000


def test_time_outside_of_the_package_counts_for_who_called_it():
    mine = (str(profile.ROOT / "envs" / "cobweb" / "market.py"), 1, "step")
    learner = (str(profile.ROOT / "training" / "ppo" / "update.py"), 1, "update")
    other = ("/elsewhere/library.py", 1, "work")
    stats = SimpleNamespace(
        stats={
            mine: (1, 1, 1.0, 3.0, {}),
            learner: (1, 1, 2.0, 4.0, {}),
            other: (4, 4, 4.0, 4.0, {mine: (3, 3, 3.0, 3.0), learner: (1, 1, 1.0, 1.0)}),
        }
    )
    parts, whole = profile.by_part(stats)
    assert parts["market"] == pytest.approx(4.0) and parts[profile.LEARNER] == pytest.approx(3.0)
    assert whole == 4.0
