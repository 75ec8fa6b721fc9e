"""More processes: rows come one by one, and one that fails does not keep the others off."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.bench import cores


@pytest.fixture
def rows(monkeypatch):
    """Measurements that take no time; two of each kind fail."""

    def row(runners, learners):
        seconds = 8.0 / max(1, learners)
        return cores.Row(runners, learners, seconds / 4, seconds, 1.25 * seconds)

    def measured(declared, runners, learners):
        if learners == 2:
            raise RuntimeError("a learner is gone\nand more lines")
        return row(runners, learners)

    @contextmanager
    def training(declared, runners, learners):
        yield lambda iterations, enough: row(runners, learners)

    monkeypatch.setattr(cores, "measured", measured)
    monkeypatch.setattr(cores, "_training", training)
    monkeypatch.setattr(cores.measuring, "begin", lambda *sizes: None)
    monkeypatch.setattr(cores.measuring, "end", lambda: None)


@pytest.mark.usefixtures("rows")
def test_a_row_that_fails_is_told_and_the_others_go_on(tmp_path, capsys):
    assert cores.main(["household_cores", "--counts", "1", "2", "4", "--out", str(tmp_path)]) == 1
    written = json.loads((tmp_path / "cores.json").read_text())
    measured = [(row["runners"], row["learners"]) for row in written["rows"]["household_cores"]]
    assert measured == [(0, 0), (1, 1), (4, 4)]  # those first that say most
    [missing] = written["not_measured"]
    assert missing.endswith("2 runners and 2 learners: RuntimeError: a learner is gone")
    table = (tmp_path / "cores.md").read_text()
    assert "| 4 | 4 | 0.500 | 4.00 | 2.000 | 4.00 | 2.500 | 4.00 |" in table
    assert missing in table and table in capsys.readouterr().out


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("quick", [False, True])
def test_the_benchmark_compares_rows_that_differ_in_one_thing(quick):
    [declared] = cores.declared_cores(["household_cores"]).values()
    figures = cores.by_processes(declared, repeats=2, quick=quick)
    assert figures["iteration_2_over_1_learners"] == [2.0, 2.0]
    assert figures["2_runners_2_learners/learning_seconds"] == [4.0, 4.0]
    assert ("sampling_2_over_1_runners" in figures) is not quick
    assert declared.goals.keys() <= figures.keys()


@pytest.mark.usefixtures("rows")
def test_time_is_bounded(tmp_path):
    assert cores.main(["household_cores", "--minutes", "0.1", "--out", str(tmp_path)]) == 1
    written = json.loads((tmp_path / "cores.json").read_text())
    assert written["rows"] == {} and len(written["not_measured"]) == 6


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["household_cores", "--counts", "3"], "give divisors"),
        (["household_cores", "--counts", "0"], "give divisors"),
        (["household_core"], "household_cores"),
    ],
)
def test_bad_input_is_told_before_anything_is_measured(tmp_path, capsys, arguments, cure):
    assert cores.main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert cure in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_row_that_hangs_is_ended():
    with pytest.raises(TimeoutError), cores._at_most(0.05):
        while True:
            pass


def test_counts_come_in_the_order_of_what_they_say():
    assert cores._in_order([2, 1, 16, 4, 2]) == [(0, 0), (1, 1), (16, 16), (4, 4), (2, 2)]


def test_unknown_errors_name_the_benchmarks():
    with pytest.raises(PacesetterError):
        cores.declared_cores(["nothing_cores"])
