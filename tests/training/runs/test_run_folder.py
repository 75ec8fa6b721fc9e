"""A run folder is whole or says what is wrong with it."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pacesetter.envs.cobweb.market import Cobweb
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.runs import checkpoints, whole_files
from pacesetter.training.runs.run_folder import REFERENCE, RunFolder
from pacesetter.training.runs.whole_files import write_whole

GOOD = """\
market: {name: cobweb, treatment: unstable}
objective: {name: welfare}
leader: {name: ppo, interval: episode}
seed: 3
"""


@pytest.fixture
def load(tmp_path):
    path = tmp_path / "cobweb_welfare.yaml"
    path.write_text(GOOD)
    return lambda *overrides: load_experiment(path, overrides)


@pytest.fixture
def folder(tmp_path, load):
    return RunFolder.create(tmp_path / "runs", load())


def save(folder: RunFolder, iteration: int) -> Path:
    with folder.new_checkpoint(iteration) as partial:
        (partial / "policy").mkdir()
        (partial / "policy" / "weights.bin").write_bytes(b"x")
    return folder.checkpoints / f"iteration_{iteration:06d}"


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


CALIBRATION = """\
market: {name: cobweb, treatment: unstable}
objective: {name: calibration, quantity: price, reference: {name: csv, path: mine.csv}}
leader: {name: bayesian}
"""


@pytest.fixture
def calibrated(tmp_path, monkeypatch):
    """A run whose reference is a CSV file in the folder it was started in."""
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("time,price\n1,5.5\n2,6.5\n3,4.0\n")
    Path("fit.yaml").write_text(CALIBRATION)
    return RunFolder.create(tmp_path / "runs", load_experiment("fit.yaml"))


# What a run compares with -------------------------------------------------------------------------


def test_a_run_opens_from_any_folder_with_the_reference_it_began_with(calibrated, monkeypatch):
    monkeypatch.chdir(calibrated.path)
    there = RunFolder.open(calibrated.path)
    assert there.experiment == calibrated.experiment
    assert there.experiment.samples["price"].tolist() == [5.5, 6.5, 4.0]


def test_a_reference_that_is_edited_or_gone_changes_no_run(calibrated, tmp_path):
    for change in (lambda p: p.write_text("time,price\n1,9.0\n2,9.5\n"), Path.unlink):
        change(tmp_path / "mine.csv")
        opened = RunFolder.open(calibrated.path).experiment
        assert opened.samples["price"].tolist() == [5.5, 6.5, 4.0]
        measure = opened.bound_objective.measure(opened.market, 2)
        assert measure.value({"price": np.array([[5.5, 6.5]])}) > -0.2
        # A worker gets the sample, not the name of a file.
        sent = pickle.loads(pickle.dumps(opened))
        assert sent.game().market == opened.market


def test_a_reference_is_read_once(tmp_path, monkeypatch):
    solved = []
    answer = Cobweb.planted_sample
    monkeypatch.setattr(Cobweb, "planted_sample", lambda *given: solved.append(1) or answer(*given))
    experiment = load_experiment("cobweb_planted_bayesian")
    run = RunFolder.create(tmp_path / "runs", experiment)
    for _ in range(3):
        run.experiment.game().reset(0, 2)
    RunFolder.open(run.path).experiment.game()
    assert len(solved) == 1


def test_damaged_references_are_refused(calibrated):
    path = calibrated.path / REFERENCE
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(PacesetterError, match=r"reference.npz: cannot be read"):
        RunFolder.open(calibrated.path)


def test_a_reference_of_another_quantity_is_refused(calibrated):
    config = calibrated.path / "config.yaml"
    config.write_text(config.read_text().replace("quantity: price", "quantity: forecast"))
    with pytest.raises(PacesetterError, match=r"objective.reference: unknown .* 'forecast'"):
        RunFolder.open(calibrated.path)


# Making and opening -------------------------------------------------------------------------------


def test_a_new_folder_holds_what_was_asked_and_with_what(folder, tmp_path, load):
    assert folder.path == tmp_path / "runs" / "cobweb_welfare_seed_3"
    assert names(folder.path) == ["config.yaml", "versions.json"]
    versions = json.loads((folder.path / "versions.json").read_text())
    assert list(versions) == ["python", "platform", "pacesetter", "ray", "torch", "numpy"]
    assert versions["numpy"] == np.__version__
    opened = RunFolder.open(folder.path)
    assert opened == folder
    assert opened.experiment == load()
    # A file with ordinary permissions, which others can read.
    reference = tmp_path / "reference"
    reference.touch()
    assert (folder.path / "config.yaml").stat().st_mode == reference.stat().st_mode


def test_an_earlier_run_is_not_overwritten(folder, tmp_path, load):
    with pytest.raises(PacesetterError, match="holds a run already; resume it, or choose another"):
        RunFolder.create(tmp_path / "runs", load())
    other = RunFolder.create(tmp_path / "runs", load(), name="other")
    assert other.path.name == "other"


def test_a_folder_with_other_things_in_it(tmp_path, load):
    (tmp_path / "mine").mkdir()
    RunFolder.create(tmp_path, load(), name="mine")  # empty folders are fine
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").touch()
    with pytest.raises(PacesetterError, match="not empty, and holds no run that could be resumed"):
        RunFolder.create(tmp_path, load(), name="notes")
    (tmp_path / "file").touch()
    with pytest.raises(PacesetterError, match="is a file; choose another folder"):
        RunFolder.create(tmp_path, load(), name="file")


def test_a_folder_that_cannot_be_written(tmp_path, load, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(
        PacesetterError, match=r"cannot be written \(Permission denied\); check its permissions"
    ):
        RunFolder.create(tmp_path, load())


def test_a_parent_that_is_a_file(tmp_path, load):
    (tmp_path / "file").touch()
    with pytest.raises(PacesetterError, match="cannot be written"):
        RunFolder.create(tmp_path / "file", load())


def test_too_little_disk(tmp_path, load, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=50e6))
    with pytest.raises(PacesetterError, match="only 50 MB are free, a run needs 200 MB; free some"):
        RunFolder.create(tmp_path, load())


def test_folders_that_cannot_be_opened(tmp_path, folder):
    with pytest.raises(PacesetterError, match="there is no such folder; check the path"):
        RunFolder.open(tmp_path / "nothing")
    with pytest.raises(PacesetterError, match="is a file; give the folder of a run"):
        RunFolder.open(folder.path / "config.yaml")
    config = folder.path / "config.yaml"
    text = config.read_text()
    config.write_text(text[: len(text) // 2].rsplit("\n", 1)[0] + "\n  gar: [")
    with pytest.raises(
        PacesetterError, match=r"cannot be opened:\n.*yaml:\d+: not(.|\n)*correct it"
    ):
        RunFolder.open(folder.path)
    config.write_text(text.replace("treatment:", "treatmnt:"))
    with pytest.raises(PacesetterError, match=r"unknown key 'treatmnt'(.|\n)*another version"):
        RunFolder.open(folder.path)
    config.unlink()
    with pytest.raises(PacesetterError, match=r"no config.yaml. Check the path, or delete the fol"):
        RunFolder.open(folder.path)


def test_a_start_that_is_interrupted_leaves_no_config(tmp_path, load, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PacesetterError, match=r"cannot be written \(No space left.*; free some sp"):
        RunFolder.create(tmp_path, load(), name="run")
    assert names(tmp_path / "run") == []


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_whole(path, "old")

    def fail(*arguments):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


# Results ------------------------------------------------------------------------------------------


def test_results_are_finite_numbers(folder):
    with pytest.raises(PacesetterError, match="there are no results yet"):
        folder.read_results()
    folder.write_results({"mean": np.float32(0.5), "count": np.int64(3), "σ": 1e-12})
    assert folder.read_results() == {"mean": 0.5, "count": 3, "σ": 1e-12}
    for wrong in (float("nan"), np.float64("inf"), True, "text", None, [1]):
        with pytest.raises(PacesetterError, match=r"result 'bad' is .* not a finite number"):
            folder.write_results({"mean": 1.0, "bad": wrong})
    assert folder.read_results()["mean"] == 0.5


@pytest.mark.parametrize("text", ['{"a": 1', "[1]", '{"a": NaN}', '{"a": "b"}', '{"a": true}'])
def test_damaged_results(folder, text):
    (folder.path / "results.json").write_text(text)
    with pytest.raises(PacesetterError, match=r"results.json: .*pacesetter evaluate .*again"):
        folder.read_results()


# Checkpoints --------------------------------------------------------------------------------------


def test_the_last_two_checkpoints_are_kept(folder):
    assert folder.latest_checkpoint() is None
    for iteration in (1, 5, 10, 123):
        assert save(folder, iteration) == folder.latest_checkpoint()
    assert names(folder.checkpoints) == ["iteration_000010", "iteration_000123"]
    latest, _ = folder.checkpoint_to_resume()
    assert names(latest) == ["COMPLETE", "config.yaml", "policy"]
    assert json.loads((latest / "COMPLETE").read_text())["iteration"] == 123


def test_a_large_iteration_is_the_latest(folder):
    save(folder, 999_999)
    assert save(folder, 1_000_000) == folder.latest_checkpoint()


def test_a_kill_before_a_checkpoint_is_in_place_leaves_one_and_after_it_two(folder, monkeypatch):
    save(folder, 1)
    save(folder, 2)
    seen = []

    def rename(path, target):
        seen.append(names(folder.checkpoints))
        os.rename(path, target)

    monkeypatch.setattr(type(folder.checkpoints), "rename", rename)
    save(folder, 3)
    partial = ".iteration_000003.partial"
    assert seen[-1] == [partial, "iteration_000002"]
    assert names(folder.checkpoints) == ["iteration_000002", "iteration_000003"]


def test_what_a_kill_left_half_removed_goes_with_the_next_checkpoint(folder):
    (folder.checkpoints / "iteration_000001").mkdir(parents=True)  # its marker is gone already
    save(folder, 2)
    assert names(folder.checkpoints) == ["iteration_000002"]


def test_incomplete_checkpoints_are_ignored_and_removed(folder):
    good = save(folder, 1)
    (folder.checkpoints / ".iteration_000002.partial").mkdir()
    (folder.checkpoints / "iteration_000003").mkdir()  # complete ones have a marker
    assert folder.latest_checkpoint() == good
    save(folder, 3)
    assert names(folder.checkpoints) == ["iteration_000001", "iteration_000003"]


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
def test_a_block_that_fails_leaves_nothing(folder, error):
    good = save(folder, 1)
    with pytest.raises(type(error)), folder.new_checkpoint(2) as partial:
        (partial / "half").touch()
        raise error
    assert names(folder.checkpoints) == ["iteration_000001"]
    assert folder.latest_checkpoint() == good


def test_the_same_iteration_again_replaces_the_checkpoint(folder):
    save(folder, 1)
    with folder.new_checkpoint(1) as partial:
        (partial / "other").touch()
    assert names(folder.latest_checkpoint()) == ["COMPLETE", "config.yaml", "other"]


def test_a_full_disk_names_the_last_good_checkpoint(folder):
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        pytest.raises(PacesetterError, match=r"is full; free some space.*There is no earlier one"),
        folder.new_checkpoint(1),
    ):
        raise full
    good = save(folder, 1)
    with pytest.raises(PacesetterError) as caught, folder.new_checkpoint(2):
        raise RuntimeError("writing the archive failed") from full
    assert "the checkpoint of iteration 2 was not written" in str(caught.value)
    assert f"The last good one is {good}" in str(caught.value)
    assert folder.latest_checkpoint() == good


def test_a_full_disk_that_is_not_reported_as_such(folder, monkeypatch):
    monkeypatch.setattr(whole_files.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(PacesetterError, match=r"the disk of .* is full"), folder.new_checkpoint(2):
        raise RuntimeError("unexpected pos 64 vs 0")
    with pytest.raises(KeyboardInterrupt), folder.new_checkpoint(2):
        raise KeyboardInterrupt


def test_a_checkpoint_belongs_to_its_experiment(folder, load):
    good = save(folder, 1)
    same = load("training.iterations=999", "evaluation.copies=3", "description=other", "name=x")
    assert dataclasses.replace(folder, experiment=same).checkpoint_to_resume() == (good, [])
    other = load("training.copies=8", "market.treatment=stable", "leader.name=random", "seed=4")
    with pytest.raises(PacesetterError) as caught:
        dataclasses.replace(folder, experiment=other).checkpoint_to_resume()
    message = str(caught.value)
    assert "was made by another experiment" in message
    for line in (
        "seed: 3 in the checkpoint, 4 now",
        "market.treatment: unstable in the checkpoint, stable now",
        "leader.name: ppo in the checkpoint, random now",
        "leader.clip: 0.2 in the checkpoint, absent now",
        "training.copies: 64 in the checkpoint, 8 now",
    ):
        assert line in message
    assert "iterations" not in message
    assert folder.latest_checkpoint() == good


def test_an_option_that_is_new_since_training_has_its_default(folder, load):
    """Of software that did not know it: going on is refused only where somebody has set it."""
    (folder.path / "policies").mkdir()
    folder.keep_trained()
    trained_as = folder.path / "policies" / "experiment.yaml"
    lines = trained_as.read_text().splitlines(keepends=True)
    of_before = [line for line in lines if "update_every" not in line]
    assert len(of_before) == len(lines) - 1
    trained_as.write_text("".join(of_before))
    default = dataclasses.fields(type(folder.experiment.leader))
    [value] = [field.default for field in default if field.name == "update_every"]
    same = load(f"leader.update_every={value}")
    dataclasses.replace(folder, experiment=same).check_unchanged()
    with pytest.raises(PacesetterError, match=f"update_every: absent .*, {value + 1} now"):
        other = load(f"leader.update_every={value + 1}")
        dataclasses.replace(folder, experiment=other).check_unchanged()


def test_a_damaged_checkpoint_does_not_take_the_place_of_a_whole_one(folder):
    good = save(folder, 1)
    (save(folder, 2) / "policy" / "weights.bin").write_bytes(b"y")
    assert folder.latest_checkpoint() == good
    save(folder, 3)
    assert names(folder.checkpoints) == ["iteration_000001", "iteration_000003"]


def test_equal_numbers_of_another_type_are_no_difference(folder, load):
    experiment = load("leader.clip=1.0")
    made_in_python = dataclasses.replace(
        experiment, leader=dataclasses.replace(experiment.leader, clip=1)
    )
    folder = dataclasses.replace(folder, experiment=experiment)
    made = dataclasses.replace(folder, experiment=made_in_python)
    assert save(folder, 1) == made.checkpoint_to_resume()[0]
    first, second = (checkpoints.bound_sections(e) for e in (experiment, made_in_python))
    assert checkpoints.digest(first) != checkpoints.digest(second)
