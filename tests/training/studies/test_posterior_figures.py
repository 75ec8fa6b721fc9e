"""Pictures of posteriors are drawn, and show what they are given."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.training.studies.charts import pixels
from pacesetter.training.studies.posterior_figures import (
    PRIOR,
    corner,
    coverage_curve,
    losses,
    rank_histograms,
)

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_corner_plot_shows_every_pair(number, tmp_path):
    names = [f"x{n}" for n in range(number)]
    draws = {
        PRIOR: GENERATOR.standard_normal((4000, number)),
        "pathwise": 0.5 + 0.3 * GENERATOR.standard_normal((4000, number)),
        "score": 0.5 * GENERATOR.standard_normal((4000, number)),
    }
    truth = np.linspace(0.2, 0.4, number)
    figure = corner(draws, names, truth)
    shown = [axis for axis in figure.axes if axis.get_visible()]
    assert len(figure.axes) == number**2 and len(shown) == number * (number + 1) // 2
    diagonal = figure.axes[0]
    assert [line.get_label() for line in diagonal.lines[:3]] == list(draws)
    peak = diagonal.lines[1].get_xdata()[np.argmax(diagonal.lines[1].get_ydata())]
    assert peak == pytest.approx(0.5, abs=0.15)
    assert truth[0] in [line.get_xdata()[0] for line in diagonal.lines]
    if number > 1:
        lower = figure.axes[number]
        assert len(lower.collections) == 3
        line = lower.collections[1].get_paths()[0].vertices  # around nine tenths of the draws
        assert line.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.1)
        assert np.ptp(line[:, 0]) == pytest.approx(2 * 0.3 * 2.146, rel=0.2)
    assert pixels(figure).std() > 5


def test_losses_are_drawn_against_simulations():
    simulations = 10.0 * np.arange(1, 101)
    falling = np.linspace(3, 1, 100)
    figure = losses({"score": (simulations, falling), "pathwise": (simulations, 1 / simulations)})
    smooth = figure.axes[0].lines[1]
    assert smooth.get_xdata()[0] == 100 and len(smooth.get_xdata()) == 91
    assert smooth.get_ydata()[-1] == pytest.approx(falling[-10:].mean())
    assert pixels(losses({"one": (simulations[:3], np.ones(3))})).std() > 1


def test_ranks_and_coverage_are_drawn():
    truths, draws = GENERATOR.standard_normal((50, 2)), GENERATOR.standard_normal((50, 99, 2))
    figure = rank_histograms(truths, draws, ["a", "b"])
    assert sum(bar.get_height() for bar in figure.axes[0].patches[-10:]) == 50
    curve = coverage_curve(np.linspace(0, 1, 50)).axes[0].lines[1]
    np.testing.assert_allclose(curve.get_ydata(), curve.get_xdata(), atol=0.03)
    assert pixels(figure).std() > 5
