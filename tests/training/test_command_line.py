"""The command line: each common mistake gets one message and exit code 2, and nothing is lost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

import pytest

from pacesetter.training.cli import main


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(capsys, *arguments):
    assert main(list(map(str, arguments))) == 2
    message = capsys.readouterr().err
    assert message.startswith("pacesetter: ")
    assert "Traceback" not in message
    return message


MINIMAL = """\
market: {name: cobweb}
objective: {name: welfare}
leader: {name: random}
"""
MISTAKES = [
    (("train", "cobweb_unstable_pp"), "did you mean 'cobweb_unstable_ppo'"),
    (("train",), "train needs an experiment"),
    (("train", "duopoly_ppo", "training.iteratoins=5"), "did you mean 'iterations'"),
    (("train", "duopoly_ppo", "training.iterations=many"), "must be a whole number"),
    (("train", "duopoly_ppo", "followers.discount=1.5"), "must be"),
    (("train", "duopoly_ppo", "leader.name=pppo"), "did you mean 'ppo'"),
    (("train", "duopoly_ppo", "market.name=duopolly"), "did you mean 'duopoly'"),
    (("train", "duopoly_ppo", "objective.name=wellfare"), "did you mean 'welfare'"),
    (("train", "duopoly_ppo", "objective.quantity=leader_proft"), "did you mean 'leader_profit'"),
    (("train", "duopoly_ppo", "leader.interval=5"), "leader.interval"),
    (("train", "duopoly_ppo", "objective.name=volatility"), "at least 2"),
    (("train", "market_entry_ppo", "market.capacity=21"), "choose one of 0 to 20"),
    (("train", "market_entry_ppo", "market.capacity=-1"), "must be >= 0"),
    (("train", "market_entry_untaxed", "leader.theta.tobin_tax=0.2"), "'tobin_tax'"),
    (("train", "--resume", "nowhere"), "no such folder"),
    (("evaluate", "nowhere"), "no such folder"),
    (("report", "nowhere"), "no such folder"),
    (("check", "cobwep"), "did you mean 'cobweb'"),
    (("check", "no_such_module:Market"), "cannot import"),
    (("check", "cobweb", "treatment=calm"), "treatment"),
    (("reproduce", "duopolly"), "did you mean 'duopoly'"),
    (("reproduce", "duopoly", "labour_taxi"), "did you mean 'labour_tax'"),
    (("reproduce", "duopoly", "--jobs", "0"), "--jobs: must be a whole number >= 1, got '0'"),
    (("reproduce", "duopoly", "--seeds", "0"), "--seeds: must be a whole number >= 1, got '0'"),
    (("reproduce", "duopoly", "--seeds=-1"), "--seeds: must be a whole number >= 1, got '-1'"),
    (("reproduce", "duopoly", "--seeds", "two"), "--seeds: must be a whole number >= 1, got 'two'"),
    (("bench", "physics", "--repeats", "0"), "--repeats: must be a whole number >= 1, got '0'"),
    (("bench", "physics", "--json", "."), "is a folder; give --json the name of a file"),
    (("train", "duopoly_ppo", "--iterations=5"), "unrecognized arguments: --iterations=5"),
    *(
        (("train", "duopoly_ppo", "--address", address), "give HOST:PORT of the head node")
        for address in ("head", ":6379", "head:", "head:70000", "a b:1", "ray://head:10001")
    ),
    (("train", "duopoly_ppo", "--address", "http://head:8265"), "pacesetter submit takes http://"),
    (("train", "duopoly_ppo", "--address", "127.0.0.1:1", "--wait", "0.1"), "within 0.1 s"),
    (
        ("train", "duopoly_ppo", "--address", "auto", "--wait", "0"),
        "--wait: must be a number above 0",
    ),
    (("submit", "duopoly_ppo"), "required: --address"),
    (("submit", "duopoly_ppo", "--address", "10.0.0.1:8265"), "such as http://10.0.0.1:8265"),
    (("submit", "duopoly_pp", "--address", "http://x:1"), "did you mean 'duopoly_ppo'"),
    (("sweep",), "sweep needs an experiment"),
    (("sweep", "duopoly_ppo"), "nothing is swept"),
    (("sweep", "duopoly_ppo", "training.iteratoins=5,6"), "did you mean 'iterations'"),
    (("sweep", "duopoly_ppo", "followers.discount=0.5,1.5"), "must be"),
    (("sweep", "duopoly_ppo", "followers.discount=0.5..1.5", "--samples", "3"), "must be"),
    (("sweep", "duopoly_ppo", "followers.discount=0.5..0.9"), "with --samples N"),
    (("sweep", "duopoly_ppo", "training.copies=9..3"), "from the smaller to the larger"),
    (("sweep", "duopoly_ppo", "training.copies=1..2000"), "more than 1000 values"),
    (("sweep", "duopoly_ppo", "training.copies=4,,5"), "a value is missing"),
    (("sweep", "duopoly_ppo", "seed=1,2"), "give --seeds N"),
    (("sweep", "duopoly_ppo", "training.copies=4,5", "--name", "../x"), "must be a name"),
    (("sweep", "--resume", "nowhere"), "is not the folder of a sweep"),
    (("train", "duopoly_ppo", "--runs", "nowhere://x/runs"), "is no place for run folders"),
    (("train", "duopoly_ppo", "--runs", "file:///proc/runs"), "cannot be written"),
    (("train", "--resume", "file:///nowhere/run"), "is not the folder of a run"),
    (("trian", "duopoly_ppo"), "invalid choice: 'trian'"),
]


@pytest.mark.parametrize(("arguments", "expected"), MISTAKES, ids=lambda value: str(value)[:60])
def test_a_mistake_is_answered_with_its_cure(arguments, expected, capsys):
    assert expected in refused(capsys, *arguments)


@pytest.mark.parametrize(
    "command",
    [
        ("reproduce", "duopoly", "--out"),
        ("reproduce", "order_book_equivalence", "--out"),
        ("reproduce", "duopoly", "--runs"),
        ("train", "duopoly_ppo", "--runs"),
        ("bench", "physics", "--json"),
    ],
    ids=" ".join,
)
def test_a_folder_that_cannot_be_written_is_refused_before_anything_starts(
    command, capsys, tmp_path
):
    (tmp_path / "file").write_text("keep")
    message = refused(capsys, *command, tmp_path / "file" / "below" / "here")
    assert "choose another folder" in message
    assert len(message.splitlines()) == 1
    assert (tmp_path / "file").read_text() == "keep"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read"),
        ("", "is empty"),
        ("price\n5.1\nfive\n", ":3:"),
        ("price\n5.1\nnan\n", ":3:"),
        ("cost\n5.1\n5.2\n", "unknown column"),
        ("price\n5.1\n", "at least two"),
        (
            "price\n5.1\n5.2\n5.3e200\n",
            ":4: column 'price' holds '5.3e200', which is a number beyond",
        ),
        ("price,price\n5.1,5.2\n", "has 2 columns 'price'"),
        ('price\n5.1\n"5.2\n5.3\n', ":3: is no line of a CSV file: a quote is opened"),
        ("price\n" + "1" * 200_000, ":2: is no line of a CSV file"),
        ("price\n" + "1\n" * 1_000_001, "has 1,000,002 lines, and at most 1,000,000 are read"),
        ("price\n100\n101\n", "a share of 0 of its prices is between 0 and 10"),
        ("price\n5\n5\n", "a reference that varies"),
    ],
)
def test_a_reference_that_cannot_be_used_is_refused_before_anything_starts(
    content, expected, capsys, tmp_path
):
    path = tmp_path / "prices.csv"
    if content is not None:
        path.write_text(content)
    message = refused(
        capsys,
        "train",
        "cobweb_unstable_ppo",
        "objective.reference.name=csv",
        f"objective.reference.path={path}",
    )
    assert expected in message
    assert not (tmp_path / "runs").exists()


def _aliases(first, each):
    """Ten lines, each nine times the one before."""
    lines = [f"a: &a {first}"]
    lines += [f"{c}: &{c} {each(b)}" for b, c in zip("abcdefghi", "bcdefghij", strict=True)]
    return "\n".join([*lines, "market: {name: cobweb}"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (_aliases("[1]", lambda name: f"[{', '.join(9 * ['*' + name])}]"), "more than the 20,000"),
        (
            _aliases("{x: 1}", lambda name: f"{{{', '.join(f'k{i}: *{name}' for i in range(9))}}}"),
            "more than the 20,000",
        ),
        ("#" * 2**18, "it has 0.3 MiB, and at most 0.125 are read"),
        ("name: " + "n" * 300, "is too long to name a folder"),
    ],
    ids=["lists of lists", "maps of maps", "large", "long name"],
)
def test_a_file_that_is_too_much_is_refused_at_once(content, expected, capsys, tmp_path):
    (tmp_path / "experiment.yaml").write_text(f"{content}\n{MINIMAL}")
    began = time.process_time()
    assert expected in refused(capsys, "train", "experiment.yaml")
    assert time.process_time() - began < 3.0


def test_what_is_no_file_is_not_waited_for(capsys, tmp_path):
    (tmp_path / "experiment.yaml").write_text(MINIMAL)
    os.mkfifo(tmp_path / "pipe.yaml")
    for place in ("pipe.yaml", "/dev/zero"):
        assert "it is a pipe or a device" in refused(capsys, "train", place)
        reference = f"objective.reference={{name: csv, path: {place}}}"
        assert "it is a pipe or a device" in refused(
            capsys, "train", "experiment.yaml", "objective.name=calibration", reference
        )
    assert "NUL" in refused(capsys, "train", "a\0.yaml")
    for command in ("report", "evaluate", "certify"):
        assert "there is no such folder" in refused(capsys, command, 400 * "n")


def test_too_few_copies_for_the_evaluation_are_refused_before_training(capsys, tmp_path):
    few = ("evaluation.copies=1", "evaluation.episodes=5")
    message = refused(capsys, "train", "cobweb_unstable_ppo", *few)
    assert "raise evaluation.copies" in message and not (tmp_path / "runs").exists()


def test_an_existing_run_is_not_overwritten(capsys, tmp_path):
    folder = tmp_path / "runs" / "duopoly_ppo_seed_0"
    folder.mkdir(parents=True)
    (folder / "precious.txt").write_text("keep")
    message = refused(capsys, "train", "duopoly_ppo")
    assert str(folder.name) in message
    assert (folder / "precious.txt").read_text() == "keep"


def test_a_half_written_run_is_recognised(capsys, tmp_path):
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / "versions.json").write_text("{}")
    for command in (("evaluate", folder), ("report", folder), ("train", "--resume", folder)):
        assert "interrupted" in refused(capsys, *command)


def test_a_misspelt_key_is_answered_within_two_seconds_without_ray(tmp_path):
    program = (
        "import sys; from pacesetter.training.cli import main;"
        "code = main(['train', 'duopoly_ppo', 'traning.iterations=3']);"
        "print(code, 'ray' in sys.modules, 'torch' in sys.modules)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["2", "False", "False"], done.stderr
    assert time.monotonic() - began < 10  # two seconds on an idle machine


def processor_seconds(*arguments):
    """Least of three, of the command as a process; and what it printed."""
    command = [sys.executable, "-m", "pacesetter.training.cli", *arguments]
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds), done


@pytest.mark.parametrize(
    ("arguments", "code", "most"),
    [
        (("--help",), 0, 0.3),
        (("list",), 0, 1.0),
        *(
            (("train", name, "traning.iterations=3"), 2, 1.5)
            for name in ("duopoly_ppo", "execution_fee", "cobweb_planted_bayesian")
        ),
    ],
)
def test_what_needs_no_work_is_answered_at_once(arguments, code, most):
    seconds, done = processor_seconds(*arguments)
    assert done.returncode == code, done.stderr
    # The goals are for an idle machine; a busy one is granted half as much again.
    assert seconds <= 1.5 * most


def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m pacesetter.training.cli list"
    for reader in ("head -n 1", "true"):
        done = subprocess.run(
            ["bash", "-c", f"{command} | {reader}"], capture_output=True, text=True
        )
        assert done.stderr == ""


def test_a_users_code_that_ends_the_program_is_no_success(capsys, monkeypatch):
    monkeypatch.setattr("pacesetter.training.commands.list_all", lambda options: sys.exit(0))
    assert "must not end the program; raise an error" in refused(capsys, "list")


def test_list_names_everything(capsys):
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in ("cobweb", "duopoly", "ppo", "bayesian", "calibration", "planted", "paper"):
        assert name in printed


def test_check_runs_over_a_market(capsys):
    assert main(["check", "duopoly", "followers=2"]) == 0
    assert "duopoly" in capsys.readouterr().out
