"""The benchmarks say what they measured, and the yardstick is a PPO that learns."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import MARKETS, make
from pacesetter.training.bench import bench
from pacesetter.training.bench.bench import goals, run_benchmarks
from pacesetter.training.bench.reference import ReferenceLoop
from pacesetter.training.experiments.settings import FollowerSettings
from pacesetter.training.ppo.advantages import advantages
from pacesetter.training.runs.machine import machine
from pacesetter.training.studies.household_economy.scaling import SCALING
from pacesetter.training.studies.household_economy.speed import (
    THETA_SHARE,
    steps_per_second,
    usual_actions,
)
from pacesetter.training.studies.speed import Measured


def test_figures_have_a_median_and_a_spread(capsys):
    figures = run_benchmarks(["physics"], repeats=3, quick=True)
    for market in MARKETS:
        name = f"physics/{market}/env_steps_per_second"
        low, median, high = (figures[f"{name}{end}"] for end in ("_lowest", "", "_highest"))
        assert 0 < low <= median <= high
    assert "physics: done in" in capsys.readouterr().out


def test_one_that_fails_does_not_end_the_others(tmp_path, monkeypatch, capsys):
    def fails(repeats, quick):
        raise PacesetterError("no room")

    monkeypatch.setitem(bench.ALONE, "full", Measured("fails", fails))
    monkeypatch.setitem(bench.ALONE, "one", Measured("is 1", lambda repeats, quick: {"x": [1.0]}))
    path = tmp_path / "table.json"
    asked = Namespace(
        selection=["full", "one"], repeats=1, quick=True, slow=False, json=path, check=None
    )
    with pytest.raises(PacesetterError, match=r"not all .* full: no room"):
        bench.main_bench(asked)
    assert "failed, and the others go on: full: no room" in capsys.readouterr().out
    table = json.loads(path.read_text())
    assert table["figures"]["one/x"] == 1.0 and "(1 of 2 benchmarks so far)" in table["command"]
    with pytest.raises(PacesetterError, match=r"^no room$"):
        run_benchmarks(["full"])


def test_a_benchmark_may_draw_its_figures(tmp_path, monkeypatch):
    sizes = {"10_households_64_copies": 1.0, "100_households_8_copies": 2.0}
    rates = (
        "economy_agent_steps_per_processor_second",
        "training_agent_steps_per_processor_second",
    )

    def measured(repeats, quick):
        keys = (*rates, "megabytes")
        return {f"{size}/{key}": [value] for size, value in sizes.items() for key in keys}

    drawn = Measured("sizes", measured, draw=SCALING.draw)
    monkeypatch.setitem(bench.ALONE, "sizes", drawn)
    asked = Namespace(
        selection=["sizes"], repeats=1, quick=True, slow=False, json=tmp_path / "t.json", check=None
    )
    assert bench.main_bench(asked) == 0
    assert (tmp_path / "t_sizes.png").read_bytes().startswith(b"\x89PNG")
    assert "![sizes](t_sizes.png)" in (tmp_path / "t.md").read_text()


@pytest.mark.parametrize(
    ("selection", "repeats", "message"),
    [(["cobwep"], 1, "did you mean 'cobweb'"), (["physics"], 0, "at least 1, got 0")],
)
def test_bad_requests(selection, repeats, message):
    with pytest.raises(PacesetterError, match=message):
        run_benchmarks(selection, repeats)


def test_the_decisions_of_the_household_benchmark_are_allowed_and_keep_economies_alive():
    market = make("household_economy", accounting="taxai", households=100)
    actions = usual_actions(market, 3)
    assert all(
        market.groups[0].action_space.contains(row) for row in actions["household"].reshape(-1, 2)
    )
    state = market.reset(0, 3, market.characteristics.from_unit(np.full(5, THETA_SHARE)))
    for _ in range(60):
        step = market.step(state, actions)
        assert not step.terminated.any()
        state = step.state
    assert steps_per_second(market, 1, least_seconds=0.01) > 0


def test_figures_are_written_after_every_benchmark(monkeypatch, tmp_path):
    """What is done is kept where a later one fails, and the table says how far it came."""

    def fails(repeats, quick):
        raise PacesetterError("the second one")

    ready = {
        "first": Measured("made up", lambda repeats, quick: {"a/speedup": [2.0, 8.0]}),
        "second": Measured("made up", fails),
    }
    monkeypatch.setattr(bench, "ALONE", ready)
    monkeypatch.setattr(bench, "benchmarks", dict)
    path = tmp_path / "table.json"
    options = Namespace(json=path, check=None, selection=[], repeats=2, quick=False, slow=True)
    with pytest.raises(PacesetterError, match="the second one"):
        bench.main_bench(options)
    written = json.loads(path.read_text())
    assert written["figures"]["first/a/speedup"] == pytest.approx(4.0)
    so_far = "pacesetter bench --repeats 2 --slow (1 of 2 benchmarks so far)"
    assert written["command"] == so_far and so_far in path.with_suffix(".md").read_text()


def test_the_machine_is_named():
    named = machine()
    assert named["processor"]
    assert named["cores"] >= 1
    assert {"ray", "torch", "numpy", "python"} <= set(named)


def test_goals_are_of_figures_that_exist():
    folder = Path(__file__).parents[3] / "docs" / "results"
    published = [json.loads(path.read_text())["figures"] for path in folder.glob("bench*.json")]
    assert set(goals()) <= set().union(*published)


def test_the_reference_loop_learns():
    settings = FollowerSettings(hidden_layers=(32, 32), minibatch_size=512)
    loop = ReferenceLoop(make("cobweb", treatment="stable"), settings, copies=32, steps=25)
    loop.iterate()
    before = float(loop._rewards.mean())
    for _ in range(15):
        loop.iterate()
    assert float(loop._rewards.mean()) > before + 0.05


def test_the_reference_loop_has_the_advantages_of_the_array_route():
    loop = ReferenceLoop(
        make("cobweb", periods=4), FollowerSettings(hidden_layers=(8,)), copies=3, steps=10
    )
    loop.sample()
    following = torch.cat([loop._values[1:], loop._next_value[None]])
    ended = loop._ended.bool()
    expected = advantages(
        loop._rewards, loop._values, torch.where(ended, 0.0, following), ended, 0.95, 0.95
    )
    torch.testing.assert_close(loop._advantages(), expected)


def test_the_reference_loop_needs_discrete_actions():
    with pytest.raises(PacesetterError, match="one group with Discrete actions"):
        ReferenceLoop(make("duopoly"), FollowerSettings(), copies=2, steps=2)
