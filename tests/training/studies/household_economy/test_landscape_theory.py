"""The table of computed equilibria."""

from __future__ import annotations

import json

from pacesetter.training.studies.household_economy import landscape


def test_the_table_holds_what_was_computed(tmp_path, monkeypatch):
    monkeypatch.setattr(landscape, "ALONE", ((0.1,), (), (), (0.003,)))
    monkeypatch.setattr(landscape, "TOGETHER", ())
    monkeypatch.setattr(landscape, "SWEEPS", 1)
    figures = landscape.household_landscape(tmp_path, copies=2)
    written = json.loads((tmp_path / "household_landscape.json").read_text())
    assert written["figures"] == figures
    assert {name.rsplit("/", 1)[0] for name in figures} == {"0/0/0/0", "0.1/0/0/0", "0/0/0/0.003"}
    # A tax on income lowers hours and the spread of incomes is that of a flat one.
    assert figures["0.1/0/0/0/hours"] < figures["0/0/0/0/hours"]
    text = (tmp_path / "household_landscape.md").read_text()
    assert f"{figures['0.1/0/0/0/welfare']:.3f}" in text
    assert (tmp_path / "household_landscape.png").stat().st_size > 5000
