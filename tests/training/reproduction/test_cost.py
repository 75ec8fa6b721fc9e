"""What a table costs is measured while its runs are made, and kept with them."""

from __future__ import annotations

import sys

from pacesetter.training.reproduction.cost import (
    cost_of_runs,
    measured_here,
    read_cost,
    run_measured,
)

BUSY = """
import time
x = bytearray({size})
until = time.process_time() + 0.3
while time.process_time() < until:
    pass
"""


def test_processor_time_and_memory_of_a_run_are_measured(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for size in (120_000_000, 1):
        assert run_measured([sys.executable, "-c", BUSY.format(size=size)], folder) == (0, "")
    found = read_cost(folder)
    assert 0.6 <= found.processor_seconds < 10.0, "a resumed run costs both"
    assert found.seconds >= found.processor_seconds / 2
    assert 120.0 <= found.megabytes < 400.0, "the larger of the two"


def test_a_run_that_fails_says_why(tmp_path):
    code, said = run_measured([sys.executable, "-c", "raise SystemExit('no')"], tmp_path / "none")
    assert code == 1 and said.strip() == "no"


def test_runs_are_summed_and_those_of_old_are_told_apart(tmp_path):
    texts = {"a": '{"seconds": 90, "processor_seconds": 80, "megabytes": 300}', "b": ""}
    texts["c"] = texts["a"].replace("300", "512").replace("80", "100")
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "cost.json").write_text(text)
    total, said = cost_of_runs([tmp_path / name for name in texts])
    assert (total.seconds, total.processor_seconds, total.megabytes) == (180, 180, 512)
    assert said == (
        "Time and memory: 3.0 min of processor time for 2 of 3 (100 s for the longest), 512 MB for "
        "the largest."
    )
    assert cost_of_runs([tmp_path / "b"])[0] is None


def test_a_table_made_here_carries_its_cost(tmp_path):
    written = tmp_path / "table.md"
    written.write_text("# Table\n")
    assert measured_here(lambda: {"figure": 1.0}, written) == {"figure": 1.0}
    head, _, foot = written.read_text().partition("\n\n")
    assert head == "# Table" and foot.startswith(
        "Time and memory, without runs kept from before: 0 s of"
    )
    assert float(foot.split()[-6]) > 10  # megabytes at most, of a process that may be an old one
