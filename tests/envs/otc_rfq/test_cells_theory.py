"""Cells of gaps and acceptances: shares that sum to one, and what they tell of dealers."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.otc_rfq.cells import by_cells
from pacesetter.envs.registry import make

LEAST = (0.0154, 0.0130, 0.0341)  # of mean, scale and shape from 10,000 requests
PLANTED = np.array([1.0, 0.6, 1.2])


def paths(theta, copies=2000, requests=20):
    market = make("otc_rfq", requests=requests)
    state, found = market.reset(10, copies, theta), []
    for _ in range(requests):
        step = market.step(state, {})
        state = step.state
        found.append([step.quantities[name] for name in ("accepted", "gap")])
    accepted, gap = np.array(found).transpose(1, 2, 0)
    return market, {"accepted": accepted, "gap": gap}


def test_every_request_is_in_one_cell():
    market, seen = paths(PLANTED, 200)
    cells = by_cells(market, seen, cells=4)
    shares = cells(seen)
    assert shares.shape == (200, len(cells.names)) == (200, 7)
    last = 1.0 - shares.sum(axis=1)
    assert (last > -1e-12).all() and last.mean() > 0.0
    accepted = shares[:, :4].sum(axis=1)
    np.testing.assert_allclose(accepted, seen["accepted"].mean(axis=1))
    by_gap = shares[:, :3].mean(axis=0) + shares[:, 4:].mean(axis=0)
    np.testing.assert_allclose(by_gap, [7 / 16, 5 / 16, 3 / 16], atol=1e-3)


def test_eight_cells_tell_nearly_all_that_acceptances_and_gaps_do():
    """Fisher information of multinomial counts, by differences under common noise."""
    market, seen = paths(PLANTED)
    cells = by_cells(market, seen)
    ends = []
    for k, width in enumerate((0.04, 0.03, 0.1)):
        moved = [PLANTED + sign * width * np.eye(3)[k] for sign in (1.0, -1.0)]
        above, below = (cells(paths(theta)[1]).mean(axis=0) for theta in moved)
        ends.append((above - below) / (2.0 * width))
    share, slopes = cells(seen).mean(axis=0), np.array(ends)
    every = np.append(share, 1.0 - share.sum())
    slopes = np.concatenate([slopes, -slopes.sum(axis=1, keepdims=True)], axis=1)
    errors = np.sqrt(np.diag(np.linalg.inv((slopes / every) @ slopes.T)) / 10_000)
    assert (errors < 1.25 * np.array(LEAST)).all() and (errors > 0.9 * np.array(LEAST)).all()


@pytest.mark.parametrize("cells", [1, 2.5])
def test_cells_that_are_none_are_refused(cells):
    with pytest.raises(PacesetterError, match="at least 2"):
        by_cells(None, {"gap": np.ones((3, 2))}, cells=cells)
