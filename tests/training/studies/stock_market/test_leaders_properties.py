"""The table of calibrations: judged, drawn, and gone on with where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.studies.stock_market import leaders
from pacesetter.training.studies.stock_market.fits import Entrant, Fit, fitted

SHORT = ("training.iterations=8", "leader.copies=20", "objective.reference.number=150")
OF_MOMENTS = (
    "training.iterations=4",
    "leader.copies_per_start=200",
    "objective.reference.number=150",
)
OF_SEARCH = ("training.iterations=2", "training.copies=8", "objective.reference.number=150")
QUICK = {
    "stock_market_adversarial": SHORT,
    "stock_market_literal": SHORT,
    "stock_market_moments": OF_MOMENTS,
    "stock_market_indicator": OF_MOMENTS,
    "stock_market_bayesian": OF_SEARCH,
    "stock_market_random": OF_SEARCH,
}


def test_the_table_is_judged_drawn_and_gone_on_with(tmp_path, monkeypatch):
    quick = [
        replace(e, overrides=(*e.overrides, *QUICK[e.experiment]), seeds=e.seeds[:1])
        for e in leaders.ENTRANTS
    ]
    monkeypatch.setattr(leaders, "ENTRANTS", quick)
    runs, out = tmp_path / "runs", tmp_path / "docs"
    figures = leaders.reproduced(runs, out, 1, 1)
    table = (out / "stock_market_leaders.md").read_text()
    assert table.count("| yes |") + table.count("| no |") == len(leaders.TARGETS)
    assert all(f"| {entrant.label} | 0 to 0 |" in table for entrant in quick)
    kept = json.loads((out / "stock_market_leaders.json").read_text())
    assert kept["figures"] == pytest.approx(figures)
    for name in ("curves", "path", "losses"):
        assert (out / f"stock_market_leaders_{name}.png").stat().st_size > 10_000
    files = sorted((runs / "stock_market_leaders").iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    assert fitted(quick[0], 0, runs / "stock_market_leaders").seconds > 0.0
    assert [file.stat().st_mtime_ns for file in files] == times and len(files) == len(quick)
    other = replace(quick[0], overrides=(*quick[0].overrides, "leader.rate=0.02"))
    with pytest.raises(PacesetterError, match="of another recipe than 'R, 1,000 paths'"):
        fitted(other, 0, runs / "stock_market_leaders")


def some_fit(theta, errors=(), path_error=0.002, start_error=0.05, seconds=10.0):
    rest = {"losses": [1.36, 1.39], "curve": [], "loss_curve": [], "error": [], "example": []}
    truth = [1.0, 1.0, 0.5]
    return Fit(theta, truth, list(errors), path_error, start_error, seconds=seconds, **rest)


def test_figures_are_those_of_the_fits():
    fits = [
        some_fit([1.05, 0.8, 0.5], (0.03, 0.05, 0.01)),
        some_fit([0.95, 1.1, 0.52], (0.02,) * 3),
    ]
    fits.append(some_fit([1.2, 1.0, 0.5], (0.2,) * 3, path_error=0.03, seconds=30.0))
    assert leaders.share_within(0, 0.1)(fits) == pytest.approx(2 / 3)
    assert leaders.share_within(None, 0.11)(fits) == pytest.approx(1 / 3)
    assert leaders.rmse(1)(fits) == pytest.approx(np.sqrt((0.04 + 0.01) / 3))
    assert [leaders.share_covered(k)(fits) for k in range(3)] == pytest.approx([2 / 3, 1 / 3, 1])
    assert leaders.path_error(fits) == pytest.approx(0.2)
    assert leaders.share_of_quarter(fits) == pytest.approx(2 / 3)
    assert leaders.longest(fits) == 30.0 and leaders.mean_loss(1)(fits) == pytest.approx(1.39)
    target = leaders.Target("some", "longest", leaders.longest, high=20.0)
    row, holds, value = target.line({"some": fits})
    assert row == "| some | longest | ≤ 20 | 30 | no |" and not holds and value == 30.0


def test_every_seed_has_data_and_simulations_of_its_own():
    entrant = Entrant("a", "stock_market_moments", range(3))
    one, other = entrant.made(1), entrant.made(2)
    assert (one.seed, other.seed) == (1, 2)
    assert (one.objective.reference.seed, other.objective.reference.seed) == (1, 2)
