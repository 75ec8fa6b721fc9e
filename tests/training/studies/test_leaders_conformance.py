"""The table of what leaders cost: what it counts, and that it goes on where it stood."""

from __future__ import annotations

import json

import pytest

from pacesetter.training.loop import trainer
from pacesetter.training.studies.leaders import Contest, Entrant

SHORT = (
    *("training.pretrain_iterations=2", "training.iterations=12", "leader.starts=2"),
    *("leader.copies_per_start=3", "leader.judge_every=5"),
)


def contest(within):
    entrant = Entrant("gradient", "duopoly_gradient", 6.0, within, SHORT)
    profit = ("leader_profit_over_stackelberg", "profit of theory")
    return Contest("a_contest", "Leaders", "leader_quantity", (entrant,), ("A note.",), profit)


def test_steps_of_both_layers_are_counted_and_runs_are_kept(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    figures = contest(10.0).reproduced(tmp_path / "runs", out, 1, 1)
    # Followers: 14 iterations of 64 copies. The leader: two starts of three copies, twelve times,
    # and two differences of each in the first, sixth and eleventh.
    assert figures["gradient/steps"] == 14 * 64 + 12 * 6 + 3 * 12
    assert figures["gradient/derivatives"] == 24
    assert figures["gradient/inside"] == 1.0
    assert 0.0 < figures["gradient/worth"] < 1.05
    assert json.loads((out / "a_contest.json").read_text())["figures"] == figures
    row = (out / "a_contest.md").read_text().splitlines()[-1]
    assert "| 1 of 1 |" in row and "| 1,004 |" in row and row.startswith("| gradient | 6 ± 10 |")

    monkeypatch.setattr(trainer, "train", lambda *_, **__: pytest.fail("it was trained again"))
    again = contest(1e-9).reproduced(tmp_path / "runs", out, 1, 1)
    assert again == {**figures, "gradient/inside": 0.0}
