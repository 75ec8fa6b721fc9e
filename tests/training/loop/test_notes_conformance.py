"""What a leader says of its own work is said once and kept."""

from __future__ import annotations

import json
from types import SimpleNamespace

from pacesetter.training.loop.notes import EstimatorNote, keep_warnings, kept_notes


def test_an_estimator_is_noted_once_and_again_where_it_changes(tmp_path, capsys):
    run = SimpleNamespace(path=tmp_path)
    note = EstimatorNote(run, quiet=False)
    for text in ("", "pathwise", "pathwise", "differences", ""):
        note.add(text)
    assert capsys.readouterr().out == "pathwise\ndifferences\n"
    EstimatorNote(run, quiet=False).add("differences")  # of a run that is resumed
    assert capsys.readouterr().out == ""
    EstimatorNote(run, quiet=True).add("score")
    assert capsys.readouterr().out == ""
    assert kept_notes(run) == ["pathwise", "differences", "score"]


def test_warnings_are_those_of_the_last_end(tmp_path):
    run = SimpleNamespace(path=tmp_path)
    found = {"misfit": 0.5}
    guide = SimpleNamespace(warnings=lambda: ["at a bound"], figures=lambda: found)
    keep_warnings(run, guide)
    assert kept_notes(run) == ["warning: at a bound"]
    assert json.loads((tmp_path / "leader.json").read_text()) == found
    keep_warnings(run, SimpleNamespace(warnings=list, figures=dict))
    assert kept_notes(run) == []
