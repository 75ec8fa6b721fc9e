"""Leaders with the same number of steps: where they stand, what is shown of them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from pacesetter.envs.fx_dealer.quantities import OFFSETS
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.studies.contest import Contest, Found, total
from pacesetter.training.studies.fx_dealer import calibration
from pacesetter.training.studies.shops import composition

CONTESTS = [composition.CONTEST, calibration.CONTEST]


@pytest.mark.parametrize("contest", CONTESTS, ids=lambda contest: contest.name)
def test_all_leaders_have_the_same_market_and_number_of_steps(contest):
    experiments = [load_experiment(name) for name in contest.conditional.values()]
    first = experiments[0]
    for other in experiments[1:]:
        assert (other.market, other.objective) == (first.market, first.objective)
        assert (other.training, other.followers) == (first.training, first.followers)
    assert total(first) % contest.candidates == 0
    assert contest.searched in contest.conditional.values()
    assert set(contest.columns.values()) <= set(first.market.characteristics.names)


def test_an_answer_is_off_by_what_its_customers_would_buy_elsewhere():
    loss, planted = composition.loss, composition.PLANTED
    assert loss(planted) == 0.0
    near, far = (loss(planted + np.array([more, 0.0])) for more in (0.01, 0.1))
    assert 0.0 < near < 0.01 < far
    assert far == pytest.approx(10.0 * near, rel=0.05)  # shares are linear in the mix


def test_an_answer_is_off_by_the_farthest_share_in_its_equilibrium():
    planted = np.array(calibration.PLANTED)
    assert calibration.loss(planted) < 2e-4  # the targets are those shares, rounded
    off = calibration.loss(planted + np.array([0.0, 0.0, -0.1]))
    assert 0.01 < off < 0.05


def found(theta, seed, contest):
    off = contest.loss(np.array(theta))
    return Found(list(theta), [1e5, 2e5], [0.1, off], -0.05, -0.06 - 0.01 * seed, 9.0)


def test_the_table_compares_leaders_and_goes_on_where_it_stood(tmp_path, monkeypatch):
    contest, asked = composition.CONTEST, []
    tried = ((0.5, 0.8), (0.49, 0.8), (0.6, 0.7), (0.2, 0.9))
    answers = dict(zip(contest.labels, tried, strict=True))

    def lead(self, folder, label, seed):
        asked.append((label, seed))
        return found(answers[label], seed, self)

    monkeypatch.setattr(Contest, "one", lead)
    figures = composition.reproduced(tmp_path / "runs", tmp_path, 1, 2)
    assert len(asked) == 8 and figures["Bayesian/hurried_share"] == pytest.approx(0.49)
    text = (tmp_path / "shops_composition.md").read_text()
    assert "| steps of a policy: off by 0.01 at most, every seed (0.000) | yes |" in text
    assert "Bayesian is less off than random search (paired, " in text and "**no**" not in text
    stored = json.loads((tmp_path / "shops_composition.runs.json").read_text())
    assert [len(runs) for runs in stored.values()] == [2] * 4
    assert (tmp_path / "shops_composition.png").stat().st_size > 10_000


def test_one_line_per_seed_and_leader_and_their_means():
    contest = composition.CONTEST
    runs = {
        label: [found((0.5, 0.7), seed, contest) for seed in (0, 1)] for label in contest.labels
    }
    (axis,) = contest.curves(runs).axes
    assert len(axis.lines) == len(runs) * 3


def test_shares_and_flow_are_of_all_that_was_dealt_and_stand_in_table_and_picture(tmp_path):
    """A dealer who deals much in one episode counts by volume, and not by episode."""
    volume = np.zeros((1, 2, 2, 3))
    volume[0, 0, 0], volume[0, 1, 1] = (10.0, 0.0, 10.0), (0.0, 30.0, 0.0)
    counts = {
        f"{what}_at_{offset:g}": np.full((1, 2, 2), number)
        for what, number in (("shown", 4.0), ("dealt", 1.0))
        for offset in OFFSETS
    }
    seen = calibration.seen(SimpleNamespace(quantities={"volume": volume, **counts}))
    assert seen["share"] == pytest.approx([0.2, 0.6, 0.2])
    assert seen["flow"] == pytest.approx([0.25] * len(OFFSETS))
    assert seen[calibration.SHARE_OFF] == pytest.approx([0.3])  # 0.2 for 0.5

    contest = calibration.CONTEST
    theta = list(calibration.PLANTED)
    runs = {
        label: [Found(theta, [1e5, 2e5], [0.1, 1e-3], -9.0, -9.0, 1.0, seen) for _ in range(2)]
        for label in contest.labels
    }
    contest.write(runs, tmp_path, "Title", calibration.NOTES, calibration.claims)
    text = (tmp_path / f"{contest.name}.md").read_text()
    assert "| off | promised | retrained | shares off, retrained | CPU s |" in text
    assert "| Bayesian: shares within 0.02, every seed (0.001) | yes |" in text
    assert "| Bayesian: the same of retrained dealers (0.300) | **no** |" in text
    assert (tmp_path / f"{contest.name}_fit.png").stat().st_size > 10_000
