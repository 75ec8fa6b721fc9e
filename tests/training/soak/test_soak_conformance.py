"""The soak test sees what it is to see, and its faults happen."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import MARKETS, make
from pacesetter.training.soak import faulty
from pacesetter.training.soak.attempt import Ended, Pace, _plan_steps, judge
from pacesetter.training.soak.child import ERR, OUT
from pacesetter.training.soak.damage import damage
from pacesetter.training.soak.faults import (
    BESIDE,
    DRIVER,
    IN_THE_DRIVER,
    LEARNERS,
    RECOVERED,
    REMOTE_STEPS,
    Fault,
    draw,
    draw_recovered,
)
from pacesetter.training.soak.report import Report
from pacesetter.training.soak.runs import Run

KINDS = DRIVER | IN_THE_DRIVER | BESIDE
GOOD = (
    "pacesetter: training stopped: ZeroDivisionError: a fault of the soak test\n"
    "Go on with 'x --resume y'."
)


@pytest.fixture
def judged(tmp_path):
    """What is found wrong with a command that ended with a code and said something."""

    def look(kind, code, err, out=""):
        (tmp_path / ERR).write_text(err)
        (tmp_path / OUT).write_text(out)
        ended = Ended(code, 0.0, 1.0, fired={kind: 0.5} if kind else {})
        judge(ended, tmp_path, [Fault(kind, KINDS[kind], 0.5, 0)] if kind else [])
        return ended.problems

    return look


def test_right_ends_are_right(judged):
    assert judged("", 0, "") == []
    assert judged("raises", 2, GOOD) == []
    assert judged("killed", -9, "") == []
    assert judged("told to end", 130, "") == []
    assert judged("checkpoint damaged", 0, "", "iteration_3 is damaged: a is missing") == []


def test_wrong_ends_are_seen(judged):
    assert "ended with 2" in judged("", 2, GOOD)[0]
    assert "ended with 0" in judged("raises", 0, "")[0]
    assert "nothing says 'is damaged'" in judged("checkpoint damaged", 0, "")[0]
    assert "nothing says 'finite'" in judged("nan", 2, GOOD)[0]
    assert "not one message" in judged("raises", 2, f"Traceback …\n{GOOD}")[0]
    assert "nothing says how to go on" in judged("raises", 2, GOOD.partition("\n")[0])[0]


@pytest.mark.parametrize(("rows", "problems"), [([], 0), ([0.4], 1)])
def test_who_is_killed_before_the_first_iteration_need_not_have_said_anything(
    tmp_path, rows, problems
):
    for name in (ERR, OUT):
        (tmp_path / name).write_text("")
    kinds = ("killed", "checkpoint damaged")
    ended = Ended(-9, 0.0, 1.0, rows, fired=dict.fromkeys(kinds, 0.5))
    judge(ended, tmp_path, [Fault(kind, KINDS[kind], 0.5, 0) for kind in kinds])
    assert len(ended.problems) == problems


def test_what_is_drawn_is_seeded_and_is_everything():
    def drawn(place, seed):
        rng = np.random.default_rng(seed)
        return [fault for _ in range(200) for fault in draw(place, True, rng)]

    assert drawn("local", 1) == drawn("local", 1) != drawn("local", 2)
    assert {fault.kind for fault in drawn("local", 1)} == {*DRIVER, *IN_THE_DRIVER, *BESIDE}
    assert {fault.kind for fault in drawn("remote", 1)} == {*DRIVER, *REMOTE_STEPS, *BESIDE}
    assert drawn("stock", 1) == drawn("remote", 1)
    of_learners = {*DRIVER, *IN_THE_DRIVER, *LEARNERS, *BESIDE} - {"file size limit"}
    assert {fault.kind for fault in drawn("learners", 1)} == of_learners


def test_what_is_recovered_from_comes_several_times_but_not_three_times_in_the_same_way():
    for seed in range(20):
        faults = draw_recovered(np.random.default_rng(seed))
        assert len({fault.name for fault in faults}) == len(faults) == 3
        assert {fault.kind for fault in faults} == set(RECOVERED)
        assert sum(fault.share for fault in faults) < 0.9  # each counts from the start of a worker


def test_several_faults_of_one_command_happen_once_each(tmp_path, monkeypatch):
    faults = [Fault("dies", RECOVERED["dies"], 0.2, 7), Fault("nan", IN_THE_DRIVER["nan"], 0.1, 0)]
    faults.append(Fault("raises once", RECOVERED["raises once"], 0.0, 8))
    _plan_steps(tmp_path, faults, Pace(1.0, 10, 0))
    monkeypatch.setenv(faulty.PLAN, str(tmp_path))
    monkeypatch.setattr(faulty.sys, "argv", ["default_worker.py"])
    try:
        assert [faulty._due(step) for step in range(1, 6)] == ["raises", "", "dies", "", ""]
        faulty._planned.cache_clear()  # as in a worker that is started again
        assert [faulty._due(step) for step in range(1, 6)] == [""] * 5
    finally:
        faulty._planned.cache_clear()
    fired = [line.split(" ", 2)[2] for line in (tmp_path / faulty.EVENTS).read_text().splitlines()]
    assert fired == ["raises once #8", "dies #7"]


@pytest.mark.parametrize("number", range(4))
def test_the_newest_of_two_checkpoints_is_damaged(number, tmp_path):
    assert not damage(tmp_path, number)
    for iteration in (1, 2):
        folder = tmp_path / f"iteration_{iteration:06d}"
        (folder / "algorithm").mkdir(parents=True)
        (folder / "algorithm" / "state").write_bytes(bytes(100))
        (folder / "COMPLETE").write_bytes(bytes(100))
    assert damage(tmp_path, number)
    older, newer = (
        {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        for folder in sorted(tmp_path.iterdir())
    )
    assert older == {"COMPLETE": bytes(100), "state": bytes(100)} != newer


def test_markets_play_as_they_do_without_faults():
    for name in MARKETS:
        assert make(f"pacesetter.training.soak.faulty:{name}").name == name


def test_a_report_is_continued(tmp_path):
    with pytest.raises(PacesetterError, match="no report of the soak test"):
        Report.read(tmp_path)
    report = Report(tmp_path, 7, [Run(0, "local", "x", 1, [{"kind": "nan", "problems": []}])])
    report.write()
    again = Report.read(tmp_path)
    assert (again.seed, again.faults, again.next_number, again.runs) == (7, 1, 1, report.runs)
    assert "| faults | 1 |" in (tmp_path / "soak.md").read_text()


def test_a_short_soak(tmp_path):
    """One run that is disturbed at least once comes to the results of the undisturbed one."""
    command = [sys.executable, "-m", "pacesetter.training.soak", "--faults", "1", "--seed", "4"]
    done = subprocess.run(
        [*command, "--place", "local", "--out", str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = json.loads((tmp_path / "soak.json").read_text())["runs"]
    assert run["identical"] and run["faults"] and not run["problems"]
