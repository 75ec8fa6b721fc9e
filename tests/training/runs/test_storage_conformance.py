"""Run folders at a URL hold what a folder of this machine would, and are gone on from."""

from __future__ import annotations

import filecmp

import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.cli import main
from pacesetter.training.runs.storage import Storage, stored

TINY = (
    "training.route=local",
    "training.copies=4",
    "training.rollout_steps=8",
    "training.pretrain_iterations=1",
    "training.iterations=2",
    "followers.minibatch_size=16",
    "evaluation.copies=2",
    "evaluation.episodes=2",
)


def test_a_run_at_a_url_is_the_run_of_a_folder(tmp_path, capsys):
    url = f"file://{tmp_path}/far/away"
    for runs in (url, str(tmp_path / "near")):
        command = ["train", "duopoly_ppo", *TINY, "--runs", runs, "--name", "run", "--quiet"]
        assert main(command) == 0
    far, near = tmp_path / "far" / "away" / "run", tmp_path / "near" / "run"
    assert f"run folder: {url}/run" in capsys.readouterr().out
    same = ("results.json", "config.yaml", "answer.json", "policies/firm.safetensors")
    match, wrong, missing = filecmp.cmpfiles(far, near, same, shallow=False)
    assert not wrong and set(match) >= set(same[:3]), (wrong, missing)
    names = [{p.relative_to(f) for p in f.rglob("*.json")} for f in (far, near)]
    assert names[0] == names[1]
    assert main(["train", "duopoly_ppo", *TINY, "--runs", url, "--name", "run"]) == 2
    assert "--resume" in capsys.readouterr().err
    (far / "results.json").unlink()
    assert main(["train", "--resume", f"{url}/run", "--quiet"]) == 0
    assert filecmp.cmp(far / "results.json", near / "results.json", shallow=False)


def test_what_changes_and_what_goes_is_copied_and_temporary_files_are_not(tmp_path):
    storage, here = Storage(f"file://{tmp_path}/there"), tmp_path / "here"
    (here / "old").mkdir(parents=True)
    (here / "old" / "a").write_text("1")
    (here / ".b.partial").write_text("half")
    storage.copy(here)
    (here / "old" / "a").unlink()
    (here / "c").write_text("2")
    storage.copy(here)
    found = {p.name for p in (tmp_path / "there").rglob("*") if p.is_file()}
    assert found == {"c"}


def test_what_cannot_be_copied_is_kept_here(tmp_path, monkeypatch):
    def full(self, folder):
        raise OSError("no space")

    monkeypatch.setattr(Storage, "copy", full)
    with (
        pytest.raises(PacesetterError, match="no space") as caught,
        stored(f"file://{tmp_path}/there", "run") as folder,
    ):
        (folder / "precious").write_text("keep")
    kept = folder.with_name(f"{folder.name}-kept")
    assert str(kept) in str(caught.value) and (kept / "precious").read_text() == "keep"
    (kept / "precious").unlink()
    kept.rmdir()
