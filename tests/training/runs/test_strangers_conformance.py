"""Reading a run folder executes nothing from it, unless its user wrote it, or says so."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import sys

import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.cli import main
from pacesetter.training.experiments.yaml_file import dump_yaml, read_yaml
from pacesetter.training.runs import signature
from pacesetter.training.runs.intact import COMPLETE, checksum, digests
from pacesetter.training.runs.run_folder import RunFolder

PLANTED = "planted_by_a_stranger"


class Malicious:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def forge(checkpoint, signed=""):
    """A marker for what is in a checkpoint now, as anyone could write it."""
    marker = json.loads((checkpoint / COMPLETE).read_text())
    del marker["checksum"]
    marker |= {"files": digests(checkpoint), "signature": signed or marker["signature"]}
    (checkpoint / COMPLETE).write_text(json.dumps({**marker, "checksum": checksum(marker)}))


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "executed"


@pytest.fixture
def planted(unfinished, mark):
    """A run whose only checkpoint holds a malicious pickle and a marker that fits it."""
    checkpoint = unfinished / "checkpoints" / "iteration_000003"
    torch.save(Malicious(mark), checkpoint / "algorithm" / "local.pt")
    forge(checkpoint)
    return unfinished


@pytest.fixture
def code(tmp_path, monkeypatch, mark):
    """A module of somebody else's on the import path, which leaves a mark when it is imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, PLANTED, raising=False)
    text = f"open({str(mark)!r}, 'w').close()\nfrom pacesetter.envs.duopoly.market import Duopoly\n"
    (tmp_path / f"{PLANTED}.py").write_text(
        f"{text}\nclass Market(Duopoly):\n    pass\n\ndef value(path):\n    return 0.0\n"
    )


def test_a_planted_pickle_is_refused(planted, mark, capsys):
    assert main(["train", "--resume", str(planted), "--quiet"]) == 2
    message = capsys.readouterr().err
    assert "was not written by you" in message and "--trust-checkpoint" in message
    assert not mark.exists()
    with pytest.raises((TypeError, PacesetterError)):  # the same file does run where it is trusted
        pickle.loads(pickle.dumps(Malicious(mark)))["sampler"]
    assert mark.exists()


def test_a_planted_pickle_of_a_certificate_is_refused(run, mark, capsys):
    assert main(["certify", str(run), "--retrain", "--quiet"]) == 0
    certificate = run / "retrained"
    (certificate / "results.json").unlink()
    checkpoint = certificate / "checkpoints" / "iteration_000006"
    torch.save(Malicious(mark), checkpoint / "algorithm" / "local.pt")
    forge(checkpoint)
    capsys.readouterr()
    assert main(["certify", str(run), "--retrain", "--quiet"]) == 2
    assert "--trust-checkpoint" in capsys.readouterr().err
    assert not mark.exists()


def test_a_strangers_checkpoint_is_gone_on_from_where_that_is_said(unfinished, monkeypatch, capsys):
    """As after a move to another machine: everything is whole, and the key is another."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(unfinished.parent / "elsewhere"))
    assert main(["train", "--resume", str(unfinished), "--quiet"]) == 2
    assert "--trust-checkpoint" in capsys.readouterr().err
    assert main(["train", "--resume", str(unfinished), "--quiet", "--trust-checkpoint"]) == 0


@pytest.mark.parametrize(
    ("section", "options"),
    [
        ("market", {"name": f"{PLANTED}:Market"}),
        ("objective", {"name": "callable", "function": f"{PLANTED}:value"}),
        ("leader", {"name": "bayesian", "feasible": f"{PLANTED}:value"}),
        ("of_no_meaning", f"{PLANTED}:value"),
    ],
)
@pytest.mark.parametrize(
    "command", ["train --resume", "evaluate", "report", "certify", "counterfactual", "identify"]
)
def test_no_command_imports_code_that_a_strangers_folder_names(
    command, section, options, run, mark, code, capsys
):
    config = run / "config.yaml"
    config.write_text(dump_yaml({**read_yaml(config).values, section: options}))
    more = ["theta.leader_quantity=5"] if command == "counterfactual" else []
    where = str(config if command == "identify" else run)
    assert main([*command.split(), where, *more]) == 2
    message = capsys.readouterr().err
    assert f"names code, {PLANTED}:" in message and "give --trust" in message
    assert not mark.exists() and PLANTED not in sys.modules


def test_code_of_a_run_of_ones_own_is_imported_without_a_word(finished, tmp_path, mark, code):
    line = [*("--runs", str(tmp_path / "own"), "--name", "run", "--quiet")]
    source = shutil.copy(finished / "config.yaml", tmp_path / "mine.yaml")
    assert main(["train", str(source), f"market.name={PLANTED}:Market", *line]) == 0
    folder = tmp_path / "own" / "run"
    assert main(["report", str(folder)]) == 0
    versions = json.loads((folder / "versions.json").read_text())
    versions["signed"] = hashlib.sha256(b"a guess").hexdigest()
    (folder / "versions.json").write_text(json.dumps(versions))
    assert main(["report", str(folder)]) == 2
    assert main(["report", str(folder), "--trust"]) == 0


@pytest.mark.parametrize(
    "name", ["os:system", "subprocess:Popen", "builtins:exec", "shutil:rmtree"]
)
def test_what_is_no_market_is_never_called_even_if_it_is_trusted(name, run, capsys):
    config = run / "config.yaml"
    config.write_text(dump_yaml({**read_yaml(config).values, "market": {"name": name}}))
    assert main(["report", str(run), "--trust"]) == 2
    assert "Python's own library" in capsys.readouterr().err


# The key ------------------------------------------------------------------------------------------


def test_a_key_is_made_once_and_for_its_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert not signature.is_own([1], "")
    signed = signature.sign([1])
    assert signature.is_own([1], signed)
    assert not signature.is_own([2], signed) and not signature.is_own([1], None)
    path = tmp_path / "pacesetter" / "key"
    assert path.stat().st_mode & 0o077 == 0
    assert [child.name for child in path.parent.iterdir()] == ["key"]
    path.write_text("nonsense")
    with pytest.raises(PacesetterError, match="key: is damaged"):
        signature.sign([1])


def test_without_a_home_nothing_is_signed_and_all_is_a_strangers(
    tmp_path, monkeypatch, unfinished, capsys
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    assert signature.sign([1]) == ""
    assert main(["train", "--resume", str(unfinished), "--quiet", "--trust-checkpoint"]) == 0
    assert main(["train", "--resume", str(unfinished), "--quiet"]) == 2
    assert "--trust-checkpoint" in capsys.readouterr().err
    assert RunFolder.open(unfinished).latest_checkpoint() is not None
