"""The benchmarks say what they measured, and the yardstick is a PPO that learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from pacesetter.envs.errors import PacesetterError
from pacesetter.envs.registry import MARKETS, make
from pacesetter.training.advantages import advantages
from pacesetter.training.bench import GOALS, machine, run_benchmarks
from pacesetter.training.bench_reference import ReferenceLoop
from pacesetter.training.settings import FollowerSettings


def test_figures_have_a_median_and_a_spread(capsys):
    figures = run_benchmarks(["physics"], repeats=3, quick=True)
    for market in MARKETS:
        name = f"physics/{market}/env_steps_per_second"
        low, median, high = (figures[f"{name}{end}"] for end in ("_lowest", "", "_highest"))
        assert 0 < low <= median <= high
    assert "physics: done in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("selection", "repeats", "message"),
    [(["cobwep"], 1, "did you mean 'cobweb'"), (["physics"], 0, "at least 1, got 0")],
)
def test_bad_requests(selection, repeats, message):
    with pytest.raises(PacesetterError, match=message):
        run_benchmarks(selection, repeats)


def test_the_machine_is_named():
    named = machine()
    assert named["processor"]
    assert named["cores"] >= 1
    assert {"ray", "torch", "numpy", "python"} <= set(named)


def test_goals_are_of_figures_that_exist():
    published = (Path(__file__).parent.parent / "docs" / "results" / "bench.json").read_text()
    assert set(GOALS) <= set(json.loads(published)["figures"])


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
