"""The bench of a device measures what it says, tells what fails, and its yardstick is a PPO."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from pacesetter.training.bench.device import __main__ as device
from pacesetter.training.bench.device import learning as device_learning
from pacesetter.training.bench.device.by_hand import DECAY, DISCOUNT, HandWritten
from pacesetter.training.bench.device.table import Row
from pacesetter.training.ppo.advantages import advantages

CPU = torch.device("cpu")


def test_every_column_of_a_size_is_measured(monkeypatch):
    monkeypatch.setattr(device, "STEPS", 3)
    row = device.measured(2, 4, 12, "cpu", False, least_seconds=0.0)
    assert not row.failed and row.minibatch == 12 and row.gigabytes == 0.0
    assert 0 < row.slowest <= row.agent_steps_per_second <= row.fastest
    assert 0 < row.percent_of_products < 100 and 0 < row.by_hand < math.inf
    assert 0 < row.sampling_seconds < row.seconds


def test_a_size_that_fails_is_told_and_the_others_go_on(tmp_path, monkeypatch, capsys):
    def ours(row, *rest):
        if row.copies == 4:
            raise RuntimeError("out of memory")
        row.iteration_seconds = row.sampling_seconds = 0.5
        row.agent_steps_per_second = row.slowest = row.fastest = 123e6

    monkeypatch.setattr(device, "_ours", ours)
    monkeypatch.setattr(device, "seconds_of_products", lambda *rest: 0.05)
    monkeypatch.setattr(device, "_timed", lambda *rest: [0.1])
    path = tmp_path / "bench_device.json"
    small = ["--device", "cpu", "--quick", "--no-profile", "--no-sweep", "--out", str(path)]
    assert device.main(small) == 1
    text, kept = path.with_suffix(".md").read_text(), json.loads(path.read_text())
    assert "| 4x20 | 500 | failed: RuntimeError: out of memory |" in text
    assert "| 123.00 M |" in text and "512 x 100 at 16 M agent steps/s or more" in text
    assert "not measured" in text.lower()
    assert kept["figures"]["device/8x20/percent_of_products"] == pytest.approx(10.0)
    assert "RuntimeError" in capsys.readouterr().err


def test_goals_are_met_or_not_on_a_card():
    rows = [Row(512, 100, 1, agent_steps_per_second=r, by_hand=1.0) for r in (17e6, 15e6)]
    about = dict.fromkeys(("command", "device", "torch", "code", "tf32"), "x")
    text = device.markdown(rows, about | {"device_kind": "cuda"}, [])
    assert "at least 16 M: met" in text and "at least 16 M: no" in text
    assert "not measured" not in text.lower()


def test_what_is_learned_is_compared_with_the_range_of_the_processors_seeds(monkeypatch):
    def results(name, seed, where, runs):
        best = 0.0 if name.startswith("duopoly") or where is None else 9.0
        return {figure: best + 0.1 * (seed % 5) for figure in device_learning.RECIPES[name][1]}

    monkeypatch.setattr(device_learning, "results_of", results)
    found, text = device_learning.learning("cpu")
    assert {one["experiment"]: one["within"] for one in found} == {
        "duopoly_bayesian": True,
        "labour_tax_bayesian": False,
        "household_tax_bayesian": False,
    }
    assert "(seeds 10 to 14)" in text and "9.2 ± 0.2" in text
    seeds = [0.0, 0.1, 0.2, 0.3, 0.4]
    spread = np.sqrt(np.var(seeds, ddof=1) / 5 + np.var(2 * seeds, ddof=1) / 10)
    compared = device_learning.Compared("a", "b", (*seeds, *seeds), tuple(9.0 + x for x in seeds))
    difference, half = compared.difference
    assert difference == pytest.approx(9.0) and 2.1 * spread < half < 2.5 * spread


def test_the_loop_by_hand_is_a_ppo_that_learns():
    """Its advantages are ours, and households that ate nearly all learn to live better."""
    torch.manual_seed(0)
    loop = HandWritten(16, 10, steps=20, epochs=2, minibatch=400, device=CPU)
    loop.iterate()
    first = loop.reward.mean()
    with torch.no_grad():
        values = loop.critic(loop.seen.view(-1, loop.seen.shape[-1]))[:, 0].view(21, -1)
    loop._estimate()
    ended = torch.zeros_like(loop.reward, dtype=torch.bool)
    expected = advantages(loop.reward, values[:-1], values[1:], ended, DISCOUNT, DECAY)
    torch.testing.assert_close(loop.target.view(20, -1), expected + values[:-1])
    for _ in range(40):
        loop.iterate()
    assert loop.reward.mean() > first + 0.1
