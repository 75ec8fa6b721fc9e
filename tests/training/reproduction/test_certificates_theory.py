"""The table of certificates: what is counted as held, covered and found out."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.training.reproduction import certificates as table
from pacesetter.training.reproduction import certificates_economies as economies
from pacesetter.training.reproduction import certificates_held as held
from pacesetter.training.reproduction.certificates import CASES, Case, certificates


def found(case, seed):
    """A certificate of the verdict that is due, whose intervals miss with seed 1."""
    miss = 0.2 * (seed == 1)
    figures = {
        "followers/seller/one/gain": 0.1 + miss,
        "followers/seller/one/gain_low": 0.05 + miss,
        "followers/seller/one/gain_high": 0.15 + miss,
        "followers/seller/one/percent": 1.0,
        "followers/seller/one/stake": 5.0,
        "followers/seller/exact/gain": 0.1,
        "followers/seller/exact/percent": 1.0,
        "leader/rival/gain_low": -0.1,
        "leader/rival/gain_high": 0.1,
        "leader/rival/percent": 0.5,
        "leader/rival/stake": 2.0,
    }
    made = {
        "verdict": case.verdict or "cannot tell",
        "flags": {case.flag: "so it is"} if case.flag else {},
        "figures": figures,
        "seconds": 30.0,
    }
    return made | ({"exact_gain": 0.0} if case.exact else {})


def test_intervals_and_verdicts_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "certified", lambda runs, case, seed: found(case, seed))
    figures = certificates(tmp_path / "runs", tmp_path, jobs=1, seeds=2)
    assert figures[f"coverage/{held.FOLLOWERS}"] == 0.5
    assert figures[f"coverage/{held.LEADER}"] == 1.0
    closed = sum(case.exact is not None for case in CASES)
    share = (len(CASES) + 2 * closed) / (2 * len(CASES) + 2 * closed)
    assert figures[f"coverage/{held.ALL}"] == pytest.approx(share)
    lines = (tmp_path / "certificates.md").read_text()
    due = lines.split("95 % intervals")[1].count("| yes |")
    assert lines.count("| yes |") - due == sum(bool(case.verdict) for case in CASES)
    assert "does not hold 2 (hidden theta)" in lines
    assert f"| {held.FOLLOWERS} (22) | 50 % | 90 to 100 % | **no** |" in lines
    assert json.loads((tmp_path / "certificates.json").read_text())["seeds"] == [0, 1]
    misses = lines.split("Intervals that miss")[1]
    assert misses.count("seed 1: followers by 3 %") == len(CASES) and "seed 0" not in misses
    assert lines.count("| followers **1**, leader 2 |") == closed


def test_what_is_there_stands_when_the_rest_fails(tmp_path, monkeypatch):
    def tired(runs, case, seed):
        if seed not in (0, 1):
            raise PacesetterError("no more")
        return found(case, seed)

    monkeypatch.setattr(table, "certified", tired)
    with pytest.raises(PacesetterError, match="no more"):
        certificates(tmp_path / "runs", tmp_path, jobs=1, seeds=None)
    lines = (tmp_path / "certificates.md").read_text()
    total = 10 * len(CASES)
    assert f"({2 * len(CASES)} of {total} runs so far)" in lines
    assert all(f"| {case.label} | 2 |" in lines for case in CASES)


@pytest.mark.parametrize(("verdict", "flag"), [("holds", ""), ("does not hold", "hidden theta")])
def test_every_seed_must_be_as_due(verdict, flag):
    case = Case("one", "experiment", (), verdict, flag)
    right = found(case, 0)
    assert table._passed(case, [right, right])
    assert not table._passed(case, [right, right | {"verdict": "cannot tell"}])
    assert bool(flag) != table._passed(case, [right, right | {"flags": {}}])


def test_closed_forms_of_what_a_leader_gets():
    """18 and 16 of the duopoly at Stackelberg and Cournot; the labour tax's own best."""
    duopoly = make("duopoly")
    assert [table._profit(duopoly, [q]) for q in (6.0, 4.0)] == pytest.approx([18.0, 16.0])
    market = make("labour_tax")
    best = market.benchmark()["optimal_tax_progressivity"]
    assert table._welfare(market, [best]) > table._welfare(market, [best + 0.01])
    assert table._welfare(SimpleNamespace(welfare=lambda xi: 3.0), [0.0]) == 3.0


def test_economies_are_reported_part_by_part_with_what_they_cost(tmp_path, monkeypatch):
    asked = []

    def certified(runs, case, seed):
        asked.append((case.experiment, case.minutes, seed))
        one = {"percent": 0.4, "percent_low": 0.2, "percent_high": 0.7}
        places = ("followers/trader/one", "leader/rival")
        return {
            "verdict": "cannot tell",
            "verdicts": {"followers/trader": "holds", "leader": "cannot tell"},
            "flags": {},
            "figures": {f"{at}/{name}": value for at in places for name, value in one.items()},
            "plan": {"iterations": 120},
            "seconds": 90.0,
        }

    monkeypatch.setattr(economies, "certified", certified)
    figures = economies.certificates_economies(tmp_path / "runs", tmp_path, jobs=1, seeds=None)
    assert asked == [(case.experiment, case.minutes, 0) for case in economies.CASES]
    assert all(case.minutes for case in economies.CASES)
    lines = (tmp_path / "certificates_economies.md").read_text()
    assert lines.count("| group trader | 0.4 [0.2, 0.7] | holds |") == len(economies.CASES)
    assert lines.count("| 120 | 90 |") == len(economies.CASES)
    assert figures[f"{economies.CASES[0].label}/share cannot tell"] == 1.0


def test_nobody_knows_how_long_a_certificate_took_that_went_on_later(tmp_path, monkeypatch):
    """What was kept of one that was stopped is not counted, nor is the rest of it."""
    case = Case("one", "duopoly_ppo", minutes=2.0)
    asked = []

    def command(*arguments):
        asked.append(arguments)
        (run,) = tmp_path.glob("certified_one_seed_?")
        (run / table.FILE).write_text(json.dumps({"figures": {}}))
        return 7.0

    monkeypatch.setattr(table, "_command", command)
    for seed, kept in ((0, False), (1, True)):
        run = tmp_path / f"certified_one_seed_{seed}"
        run.mkdir()
        (run / table.RESULTS).write_text("{}")
        if kept:
            (tmp_path / f"{run.name}.certificate").mkdir()
        assert table.certified(tmp_path, case, seed)["seconds"] == (None if kept else 7.0)
        assert asked[-1] == ("certify", "--quiet", str(run), "--budget", "2")
        run.rename(tmp_path / f"done_{seed}")
    found = [{"seconds": None}, {"seconds": 7.0}]
    assert table.mean_seconds(found) == 7.0 and table.mean_seconds(found[:1]) is None
