"""Every mistake in an experiment is reported, all at once, with its place and its cure."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Interval, Le, MaxLen, MultipleOf

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments import load as experiment_module
from pacesetter.training.experiments.conversion import INVALID, Converter, Registry
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.experiments.settings import FollowerSettings, TrainingSettings
from pacesetter.training.experiments.yaml_file import parse_value, read_yaml

GOOD = """\
market: {name: cobweb, treatment: unstable}
objective:
  name: calibration
  distance: energy
  reference: {name: moments, mean: 5.85, variance: 0.63}
leader: {name: ppo, learning_rate: 3e-4}
training: {iterations: 200}
"""


@pytest.fixture
def write(tmp_path):
    def writer(text: str | bytes) -> Path:
        path = tmp_path / "experiment.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return writer


def errors(path, *overrides: str) -> list[str]:
    """The lines of the error message, each without the folder of the file."""
    with pytest.raises(PacesetterError) as caught:
        load_experiment(path, overrides)
    lines = str(caught.value).splitlines()
    return [line.replace(f"{Path(path).parent}/", "", 1) for line in lines]


# The file as such ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "experiment.yaml: the file is empty"),
        ("# only a comment\n", "experiment.yaml: the file is empty"),
        ("- market\n", "experiment.yaml:1: expected a mapping such as"),
        ("\n\njust text\n", "experiment.yaml:3: expected a mapping such as"),
        (b"seed: 0\nname: \xff\n", "experiment.yaml:2: is not UTF-8 text; save it as UTF-8."),
        ("market: {name: cobweb\nseed: 0\n", "experiment.yaml:2: not valid YAML"),
        ("market:\n\tname: x\n", "indent with spaces, not tabs"),
        ("seed: 0\n---\nseed: 1\n", "remove the line '---'"),
        ("description: a: b\n", "put quotes around text that contains ': '"),
        ("seed: *nothing\n", "undefined alias 'nothing'"),
        ("seed: 0\nname: \x01\n", "experiment.yaml:2: not valid YAML: the character '\\x01'"),
        ("seed: " + "[" * 5000, "nested too deeply"),
    ],
)
def test_a_file_that_holds_no_mapping(write, text, message):
    (line,) = errors(write(text))
    assert message in line


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    assert "there is no such file; check the path" in errors(tmp_path / "missing.yaml")[0]
    assert "is a folder; name a YAML file in it" in errors(tmp_path)[0]

    def refuse(path, mode):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.yaml").write_text("seed: 1\n")
    monkeypatch.setattr(Path, "open", refuse)
    (line,) = errors(tmp_path / "secret.yaml")
    assert line == "secret.yaml: cannot be read (Permission denied); check its permissions."


def test_an_unknown_shipped_experiment(monkeypatch):
    monkeypatch.setattr(
        experiment_module, "shipped_experiments", lambda: {"cobweb_welfare": Path("x.yaml")}
    )
    (line,) = errors("cobweb_wellfare")
    assert "neither a file nor shipped" in line
    assert "did you mean 'cobweb_welfare'? Shipped: cobweb_welfare." in line


def test_scalars_are_those_of_yaml_1_2(write):
    text = "[3e-4, 1., .5, 010, 0x1F, 0o17, on, no, yes, true, False, ~, null, 1_000, 2001-01-01]"
    assert parse_value(text) == [
        *[3e-4, 1.0, 0.5, 10, 31, 15, "on", "no", "yes"],
        *[True, False, None, None, "1_000", "2001-01-01"],
    ]
    file = read_yaml(write("a:\n  b: 1\n  c: [1,\n    2]\n"))
    assert file.lines == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 3,
        ("a", "c", 1): 4,
    }


def test_a_byte_order_mark_is_ignored(write):
    assert read_yaml(write(b"\xef\xbb\xbfseed: 3\n")).values == {"seed": 3}


def test_what_yaml_allows_and_an_experiment_does_not(write):
    text = GOOD + "seed: 1\ntraining: {copies: 3}\n1: x\nseed: &s [*s]\nfollowers: !mine {}\n"
    lines = errors(write(text + "description: !!int x\n"))
    assert lines == [
        "experiment.yaml:9: training: duplicate key 'training' (first at line 7); "
        "remove one of them",
        "experiment.yaml:10: a key must be text, got '1'; put it in quotes",
        "experiment.yaml:11: seed: duplicate key 'seed' (first at line 8); remove one of them",
        "experiment.yaml:12: followers: tags such as '!mine' are not supported; remove it",
        "experiment.yaml:13: description: 'x' cannot be read as int",
    ]
    (line,) = errors(write(GOOD + "seed: &s [*s]\n"), "description=fine")[:1]
    assert "an alias must not stand inside its own anchor" in line


# Keys and values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("iterations", "iteratons", "experiment.yaml:7: training.iteratons: unknown key 'iteratons'"
            "; did you mean 'iterations'? Known: copies, twins, rollout_steps"),
        ("training:", "trainning:", "experiment.yaml:7: trainning: unknown key 'trainning'; did "
            "you mean 'training'? Known: name, description"),
        ("{iterations: 200}", "[1]", "training: must be a mapping of keys to values, got a list"),
        ("200", "'200'", "training.iterations: must be a whole number, got the text '200'; "
            "write 200 without quotes"),
        ("200", "1_000", "write 1000 without quotes"),
        ("200", "2e2", "training.iterations: must be a whole number, got 200.0"),
        ("200", "true", "training.iterations: must be a whole number, got true"),
        ("200", "", "training.iterations: must be a whole number, got null"),
        ("200", "-1", "training.iterations: must be >= 0, got -1"),
        ("3e-4", ".nan", "leader.learning_rate: must be a finite number, got nan"),
        ("3e-4", "1e999", "leader.learning_rate: must be a finite number, got inf"),
        ("3e-4", "9" * 400, "leader.learning_rate: must be a finite number"),
        ("3e-4", "true", "leader.learning_rate: must be a number, got true"),
        ("3e-4", "0", "leader.learning_rate: must be > 0, got 0"),
        ("unstable", "unstabel", "experiment.yaml:1: market.treatment: must be 'stable', 'unstable'"
            " or 'strongly_unstable', got the text 'unstabel'; did you mean 'unstable'?"),
        ("cobweb", "cobwep", "experiment.yaml:1: market.name: unknown market 'cobwep'; did you "
            "mean 'cobweb'? Known: aiyagari, cobweb, dealers, duopoly"),
        ("name: ppo", "name: bayes", "experiment.yaml:6: leader.name: unknown leader 'bayes'; did "
            "you mean 'bayesian'? Known: adversarial"),
        ("name: moments", "name: moment", "experiment.yaml:5: objective.reference.name: unknown "
            "reference 'moment'; did you mean 'moments'? Known: csv, index, moments"),
        ("name: ppo", "name: 3", "leader.name: must be text, got 3. Known: adversarial"),
        ("name: ppo, ", "", "experiment.yaml:6: leader: the key 'name' is missing: which leader? "
            "Known: adversarial"),
        ("{name: cobweb, treatment: unstable}", "cobweb", "market: must be a mapping with the key "
            "'name', got the text 'cobweb'; write {name: cobweb}"),
        ("mean: 5.85, ", "", "experiment.yaml:5: objective.reference: the key 'mean' is missing (a "
            "number)"),
        ("mean: 5.85", "maen: 5.85", "unknown key 'maen'; did you mean 'mean'? Known of reference "
            "'moments': mean, variance."),
        ("market:", "# market:", "experiment.yaml:1: the key 'market' is missing (a mapping)"),
        ("training", "seed: -1\ntraining", "experiment.yaml:7: seed: must be >= 0, got -1"),
        ("training", "name: a/b\ntraining", "name: 'a/b' cannot name a folder"),
    ],
)  # fmt: skip
def test_one_mistake_gives_one_line(write, old, new, message):
    lines = errors(write(GOOD.replace(old, new, 1)))
    assert len(lines) == 1
    assert message in lines[0]


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(write):
    text = GOOD.replace("unstable", "calm").replace("200", "x").replace("3e-4", "-3e-4")
    lines = errors(write(text + "seed: 1\nseed: 2\n"), "evaluation.copies=0", "nonsense")
    places = [
        "experiment.yaml:1:",
        "experiment.yaml:6:",
        "experiment.yaml:7:",
        "experiment.yaml:9:",
    ]
    assert [line.split(" ")[0] for line in lines[:4]] == places
    assert sorted(lines[4:]) == [
        "command line 'evaluation.copies=0': evaluation.copies: must be >= 1, got 0",
        "command line 'nonsense': is not of the form key=value, such as training.iterations=50",
    ]


def test_values_that_do_not_fit_together(write):
    path = write(GOOD)
    (line,) = errors(path, "training.copies=2", "training.random_theta_share=0.9")
    assert line == (
        "command line 'training.random_theta_share=0.9': training.random_theta_share: 0.9 of 2 "
        "copies leaves none for the leader; raise training.copies or lower "
        "training.random_theta_share"
    )


# Overrides ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.iterations=-1", "training.iterations: must be >= 0, got -1"),
        ("training.iteration=5", "unknown key 'iteration'; did you mean 'iterations'?"),
        ("training", "is not of the form key=value"),
        ("=5", "is not of the form key=value"),
        ("training..copies=5", "is not of the form key=value"),
        ("seed=", "seed: has no value; write seed=null for none"),
        ("seed=[1", "seed: not valid YAML"),
        ("followers={clip: 1, clip: 2}", "clip: duplicate key 'clip'"),
        ("objective.distance.x=1", "objective.distance is the text 'energy', which has no keys"),
        ("followers.hidden_layers=64", "must be a list, each entry a whole number >= 1, got 64"),
        ("followers.hidden_layers=[]", "hidden_layers: must be of length >= 1, got length 0"),
        ("followers.hidden_layers=[8, 0]", "followers.hidden_layers.1: must be >= 1, got 0"),
        ("leader.interval=0", "must be 'episode' or a whole number >= 1, got 0"),
        ("leader.interval=epsode", "got the text 'epsode'; did you mean 'episode'?"),
        ("leader.name=bayes", "leader.name: unknown leader 'bayes'; did you mean 'bayesian'?"),
        ("market.name=no_such_module:Market", "market.name"),
    ],
)
def test_a_wrong_override_is_named(write, override, message):
    (line,) = errors(write(GOOD), override)
    assert line.startswith(f"command line {override!r}: ")
    assert message in line


def test_an_override_inside_a_list_is_refused(write):
    path = write(GOOD + "followers: {hidden_layers: [8]}\n")
    (line,) = errors(path, "followers.hidden_layers.0=4")
    assert "has no keys; give it whole, followers.hidden_layers=[…]" in line


# Records in general -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    x: float
    y: Annotated[float, Interval(ge=0, lt=1)] = 0.5


@dataclass(frozen=True)
class Everything:
    pair: tuple[int, str] = (1, "a")
    points: Annotated[tuple[Point, ...], MaxLen(2)] = ()
    best: Point | None = None
    table: Mapping[str, int] = field(default_factory=dict)
    anything: Any = None
    mixed: Point | tuple[int, ...] | None = None
    even: Annotated[int, MultipleOf(2)] = 2
    choice: Literal[1, -1, "off"] | Annotated[float, Gt(5)] = 1
    far: Annotated[float, Le(math.inf)] = 0.0
    players: Annotated[int, Ge(2), "a lone player has nobody to play with"] = 2
    counts: list[int] = field(default_factory=list)
    unsupported: complex = 1j

    def __post_init__(self) -> None:
        if self.even == 14:
            raise OverflowError("14 is too many")
        if self.even > 100:
            raise PacesetterError("even is beyond 100; lower it")


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"pair": [1]}, "pair", "must be a list of 2: a whole number, text, got a list of 1"),
        ({"pair": [1, 2]}, "pair.1", "must be text, got 2"),
        ({"pair": "ab"}, "pair", "must be a list of 2"),
        ({"points": [{"x": 1}] * 3}, "points", "must be of length <= 2, got length 3"),
        ({"points": [{"x": 1, "y": 1}]}, "points.0.y", "must be < 1, got 1"),
        ({"points": [{"x": 1, "y": -1}]}, "points.0.y", "must be >= 0, got -1"),
        ({"points": [{}]}, "points.0", "the key 'x' is missing (a number)"),
        ({"points": [1]}, "points.0", "must be a mapping of keys to values, got 1"),
        ({"best": {"x": "1"}}, "best.x", "write 1 without quotes"),
        ({"best": 3}, "best", "must be a mapping or null, got 3"),
        ({"table": {"a": "b"}}, "table.a", "must be a whole number, got the text 'b'"),
        ({"table": [1]}, "table", "must be a mapping, got a list of 1"),
        ({"anything": float("inf")}, "anything", "must be a finite number, got inf"),
        ({"mixed": [1, "x"]}, "mixed.1", "must be a whole number"),
        ({"mixed": {"z": 1}}, "mixed.z", "unknown key 'z'. Known: x, y."),
        ({"even": 3}, "even", "must be a multiple of 2, got 3"),
        ({"even": 14}, "", "14 is too many"),
        ({"even": 102}, "", "even is beyond 100; lower it"),
        ({"choice": True}, "choice", "must be 1, -1 or 'off' or a number > 5, got true"),
        ({"choice": 4}, "choice", "must be 1, -1 or 'off' or a number > 5, got 4"),
        ({"choice": "of"}, "choice", "got the text 'of'; did you mean 'off'?"),
        ({"choice": "6"}, "choice", "got the text '6'; write 6 without quotes"),
        ({"far": float("nan")}, "far", "must be a finite number, got nan"),
        ({"players": 1}, "players", ">= 2, got 1: a lone player has nobody to play with"),
        ({"counts": [1, "x"]}, "counts.1", "must be a whole number, got the text 'x'"),
        ({"unsupported": 1}, "unsupported", "cannot be given in a file"),
    ],
)
def test_a_record_refuses(value, path, message):
    converter = Converter()
    assert converter.convert(value, Everything) is INVALID
    mistakes = dict.fromkeys(
        [(".".join(map(str, keys)), text) for keys, text in converter.problems]
    )
    assert {place for place, _ in mistakes} >= {path}
    assert any(place == path and message in text for place, text in mistakes)


def test_a_record_accepts():
    value = {
        "pair": [2, "b"],
        "points": [{"x": 1}],
        "best": None,
        "table": {"a": 1},
        "anything": [1, {"b": None}],
        "mixed": [1, 2],
        "choice": -1,
        "far": float("inf"),
        "counts": [1, 2],
    }
    converter = Converter()
    result = converter.convert(value, Everything)
    assert converter.problems == []
    assert result == Everything(
        pair=(2, "b"),
        points=(Point(1.0),),
        table={"a": 1},
        anything=[1, {"b": None}],
        mixed=(1, 2),
        choice=-1,
        far=float("inf"),
        counts=[1, 2],
    )
    assert type(result.points[0].x) is float


def test_a_rule_between_fields_is_reported_at_its_section(write, monkeypatch):
    @dataclass(frozen=True)
    class Strict(TrainingSettings):
        def __post_init__(self) -> None:
            raise PacesetterError("copies and iterations disagree; make them equal")

    converter = Converter()
    assert converter.convert({}, Strict, ("training",)) is INVALID
    assert converter.problems == [
        (("training",), "copies and iterations disagree; make them equal")
    ]


def test_names_of_a_union_are_limited_to_its_members():
    registry = Registry("shape", None, {"point": Point, "followers": FollowerSettings})
    converter = Converter([registry])
    assert converter.convert({"name": "followers"}, Point) is INVALID
    assert converter.problems == [(("name",), "unknown shape 'followers'. Known: point.")]
    assert Converter([registry]).convert({"name": "point", "x": 1}, Point | None) == Point(1.0)
    assert Converter([registry]).convert(None, Point | None) is None


def test_an_import_that_fails_is_one_line():
    def find(name: str) -> type:
        raise SyntaxError("invalid syntax (mine.py, line 3)")

    converter = Converter([Registry("point", Point, {}, find)])
    converter.convert({"name": "mine:Point"}, Point)
    assert converter.problems == [
        (("name",), "importing 'mine:Point' failed: SyntaxError: invalid syntax (mine.py, line 3)")
    ]


@dataclass(frozen=True)
class Dangling:
    value: Annotated[int, Ge(0)]
    other: NotDefinedAnywhere | None = None  # type: ignore[name-defined]  # noqa: F821


def test_annotations_that_cannot_be_read():
    registry = Registry("thing", object, {"dangling": Dangling})
    converter = Converter([registry])
    converter.convert({"name": "dangling", "value": 1}, object)
    ((path, message),) = converter.problems
    assert path == ()
    assert "'NotDefinedAnywhere' is not defined" in message
    assert "import what they name at run time" in message


def test_a_check_imports_neither_ray_nor_torch(write):
    program = (
        "import sys\n"
        "from pacesetter.envs.core.errors import PacesetterError\n"
        "from pacesetter.training.experiments.load import load_experiment\n"
        "try: load_experiment(sys.argv[1])\n"
        "except PacesetterError: print({'ray', 'torch'} & set(sys.modules))\n"
    )
    path = write(GOOD.replace("iterations", "iteratons"))
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("followers.initial_action=[0.9]", ("has 2 entries", "got [0.9]")),
        ("followers.initial_action=[2.0, 0.3]", ("within [0.5005, 0.995]", "[0.001, 0.99]")),
        ("followers.final_learning_rate=0", ("geometric", "linear")),
        ("followers.action_bounds=smoth", ("clipped", "smooth")),
    ],
)
def test_options_of_followers_that_do_not_fit(override, words):
    overrides = ["followers.learning_rate_decay=geometric", override]
    with pytest.raises(PacesetterError) as told:
        load_experiment("household_taxai_ppo", overrides)
    for word in words:
        assert word in str(told.value)
