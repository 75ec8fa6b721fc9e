"""Experiments survive being written and read; overrides say the same as the file."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as ranges
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.annotations import field_types, required_fields
from pacesetter.training.experiments.conversion import INVALID, Converter, plain
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.load import load_experiment, registries, resolved
from pacesetter.training.experiments.rules import check_together, leader_copies
from pacesetter.training.experiments.settings import (
    EvaluationSettings,
    FollowerSettings,
    TrainingSettings,
)
from pacesetter.training.experiments.shipped import shipped_experiments
from pacesetter.training.experiments.yaml_file import dump_yaml, parse_value, read_yaml

GOOD = """\
market: {name: cobweb, treatment: stable}
objective: {name: calibration, reference: {name: moments, mean: 5.85, variance: 0.63}}
leader: {name: ppo, learning_rate: 3e-4, interval: 7}
training: {iterations: 200}
"""

# A folder that is written anew for every example can be shared; a busy machine may be slow.
RELAXED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cobweb_calibration.yaml"
    path.write_text(GOOD)
    return path


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Plain values that an annotation allows."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return limited(arguments[0], arguments[1:])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of([values_of(argument) for argument in arguments])
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=3)
    if origin is dict:
        keys = st.sampled_from(("mean_information_cost", "nobody knows it"))
        return st.dictionaries(keys, values_of(arguments[1]), max_size=2)
    if dataclasses.is_dataclass(annotation):
        return record(annotation)
    if annotation is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if annotation is Any:
        return st.one_of(st.none(), st.booleans(), st.integers(), TEXT)
    return {int: st.integers(), bool: st.booleans(), str: TEXT, type(None): st.none()}[annotation]


def limited(annotation: Any, limits: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    bounds = {type(limit): getattr(limit, dataclasses.fields(limit)[0].name) for limit in limits}
    low = bounds.get(ranges.Ge, bounds.get(ranges.Gt))
    high = bounds.get(ranges.Le, bounds.get(ranges.Lt))
    if annotation is int:
        return st.integers(low, high if ranges.Lt not in bounds else high - 1)
    if annotation is float:
        return st.floats(
            low,
            high,
            exclude_min=ranges.Gt in bounds,
            exclude_max=ranges.Lt in bounds,
            allow_nan=False,
            allow_infinity=False,
        )
    least = bounds.get(ranges.MinLen, 0)
    return st.lists(values_of(get_args(annotation)[0]), min_size=least, max_size=least + 2)


def record(record_type: type) -> st.SearchStrategy[dict[str, Any]]:
    """Mappings with the required keys of a record and any of the others."""
    every = {key: values_of(annotation) for key, annotation in field_types(record_type).items()}
    required = {key: every.pop(key) for key in required_fields(record_type)}
    return st.fixed_dictionaries(required, optional=every)


def write_and_read(experiment: Experiment, folder: Path) -> Experiment:
    file = folder / "config.yaml"
    file.write_text(dump_yaml(resolved(experiment)), encoding="utf-8")
    return load_experiment(file)


# Round trips --------------------------------------------------------------------------------------

NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(NESTED)
@settings(RELAXED)
def test_values_survive_yaml(value):
    again = parse_value(dump_yaml(value))
    assert again == value
    assert repr(again) == repr(value)


@pytest.mark.parametrize(
    "text", ["3e-4", "1", "true", "on", "~", "", "0x1", "=", "<<", "a: b", "#"]
)
def test_text_that_looks_like_something_else_stays_text(text):
    assert parse_value(dump_yaml({"key": text})) == {"key": text}


@pytest.mark.parametrize("section", [FollowerSettings, TrainingSettings, EvaluationSettings])
@given(data=st.data())
@settings(RELAXED)
def test_settings_survive_writing(section, data):
    values = data.draw(record(section))
    converter = Converter()
    settings_record = converter.convert(values, section)
    assert converter.problems == []
    again = Converter().convert(parse_value(dump_yaml(plain(settings_record))), section)
    assert again == settings_record


@given(
    followers=record(FollowerSettings),
    training=record(TrainingSettings),
    evaluation=record(EvaluationSettings),
    seed=st.integers(0, 2**32 - 1),
    description=TEXT,
    name=st.from_regex(r"[a-zA-Z0-9][\w .-]{0,20}", fullmatch=True).filter(str.isprintable),
    mean=st.floats(allow_nan=False, allow_infinity=False),
    interval=st.just("episode") | st.integers(1),
)
@settings(RELAXED)
def test_experiments_survive_writing(tmp_path, mean, interval, **values):
    values["market"] = {"name": "cobweb", "treatment": "stable"}
    reference = {"name": "moments", "mean": mean, "variance": 0.63}
    values["objective"] = {"name": "calibration", "reference": reference}
    values["leader"] = {"name": "ppo", "interval": interval}
    converter = Converter(registries())
    experiment = converter.convert(values, Experiment)
    assert converter.problems == []
    if not check_together(experiment):
        assert write_and_read(experiment, tmp_path) == experiment


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        pytest.param(registry, name, id=f"{registry.kind}-{name}")
        for registry in registries()
        for name in registry.classes
    ],
)
def test_every_registered_record_survives_with_its_defaults(registry, name):
    record_type = registry.classes[name]
    examples: dict[Any, Any] = {float: 0.5, str: "text", int: 3, tuple[str, ...]: ["text"]}
    converter = Converter(registries())
    values: dict[str, Any] = {"name": name}
    for key in required_fields(record_type):
        annotation = field_types(record_type)[key]
        while get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        values[key] = examples.get(annotation, {"name": "moments", "mean": 1, "variance": 1})
    result = converter.convert(values, record_type)
    assert result is not INVALID, converter.problems
    written = parse_value(dump_yaml(plain(result, registries())))
    assert written["name"] == name
    assert converter.convert(written, record_type) == result, converter.problems


@pytest.mark.parametrize("name", shipped_experiments())
def test_shipped_experiments_are_valid_and_survive_writing(name, tmp_path):
    experiment = load_experiment(name)
    assert experiment.name == name
    assert experiment.description, "a shipped experiment says in one line what it is for"
    assert write_and_read(experiment, tmp_path) == experiment


# Reading ------------------------------------------------------------------------------------------


def test_a_file_becomes_an_experiment(path):
    experiment = load_experiment(path)
    assert experiment.name == "cobweb_calibration"
    assert experiment.market.treatment == "stable"
    assert experiment.objective.reference.mean == 5.85
    assert experiment.leader.learning_rate == 3e-4
    assert experiment.leader.interval == 7
    assert experiment.training == TrainingSettings(iterations=200)
    assert experiment.followers == FollowerSettings()
    assert experiment.seed == 0


def test_a_whole_number_is_a_number(path):
    mean = load_experiment(path, ["objective.reference.mean=6"]).objective.reference.mean
    assert mean == 6.0
    assert type(mean) is float


@given(training=record(TrainingSettings))
@settings(RELAXED)
def test_overrides_say_the_same_as_the_file(tmp_path, training):
    file, bare = tmp_path / "one.yaml", tmp_path / "two.yaml"
    without = GOOD.splitlines()[:3]
    file.write_text("\n".join([*without, f"training: {training or '{}'}", "name: x"]))
    bare.write_text("\n".join([*without, "name: x"]))
    overrides = [f"training.{key}={value}" for key, value in training.items()]
    try:
        expected = load_experiment(file)
    except PacesetterError:
        with pytest.raises(PacesetterError, match="command line"):
            load_experiment(bare, overrides)
    else:
        assert load_experiment(bare, overrides) == expected


def test_the_later_of_two_overrides_counts(path):
    assert load_experiment(path, ["seed=1", "seed=2"]).seed == 2
    assert load_experiment(path, ["leader={name: grid}", "leader.interval=3"]).leader.interval == 3


def test_another_name_drops_the_options_of_the_file(path):
    leader = load_experiment(path, ["leader.name=random"]).leader
    assert type(leader).__name__ == "RandomLeader"
    assert leader.interval == "episode"
    # Options in other overrides are kept, wherever they stand.
    for overrides in (
        ["leader.interval=3", "leader.name=grid"],
        ["leader.name=grid", "leader.interval=3"],
    ):
        assert load_experiment(path, overrides).leader.interval == 3
    # The same name again changes nothing.
    assert load_experiment(path, ["leader.name=ppo"]) == load_experiment(path)
    with pytest.raises(PacesetterError, match="unknown key 'learning_rate'"):
        load_experiment(path, ["leader.name=grid", "leader.learning_rate=0.1"])


def test_another_name_of_a_nested_record(path):
    overrides = ["objective.reference.theta={}", "objective.reference.name=planted"]
    assert type(load_experiment(path, overrides).objective.reference).__name__ == "Planted"


def test_the_run_name_is_not_an_option_of_a_section(path):
    experiment = load_experiment(path, ["name=other"])
    assert dataclasses.replace(experiment, name="cobweb_calibration") == load_experiment(path)


def test_a_market_of_the_users_own(path, tmp_path, monkeypatch):
    (tmp_path / "own_market_module.py").write_text(
        "from dataclasses import dataclass\n"
        "from pacesetter.envs.cobweb.market import Cobweb\n"
        "@dataclass(frozen=True)\n"
        "class Own(Cobweb):\n"
        "    extra: int = 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    experiment = load_experiment(path, ["market.name=own_market_module:Own", "market.extra=2"])
    assert experiment.market.extra == 2
    assert experiment.market.treatment == "unstable"
    assert resolved(experiment)["market"]["name"] == "own_market_module:Own"
    assert write_and_read(experiment, tmp_path) == experiment
    with pytest.raises(PacesetterError, match="unknown key 'extr'; did you mean 'extra'"):
        load_experiment(path, ["market.name=own_market_module:Own", "market.extr=2"])


def test_a_shipped_name_and_a_file_are_told_apart(path, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "pacesetter.training.experiments.load.shipped_experiments", lambda: {"cobweb": path}
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cobweb").mkdir()
    assert load_experiment("cobweb").name == "cobweb_calibration"
    (tmp_path / "other").write_text(GOOD)
    assert load_experiment("other").name == "other"


def test_resolved_is_plain(path):
    def check(value):
        if isinstance(value, Mapping):
            assert all(type(key) is str for key in value)
            value = list(value.values())
        if isinstance(value, list):
            for entry in value:
                check(entry)
        else:
            assert value is None or type(value) in (int, float, str, bool)

    values = resolved(load_experiment(path))
    check(values)
    assert list(values) == list(field_types(Experiment))
    assert values["leader"]["name"] == "ppo"


@given(copies=st.integers(1, 1000), share=st.floats(0, 1, exclude_max=True))
@settings(RELAXED)
def test_copies_of_the_leader(copies, share):
    number = leader_copies(TrainingSettings(copies=copies, random_theta_share=share))
    assert 0 <= number <= copies
    assert abs(number - copies * (1 - share)) <= 0.5 + 1e-9


def test_lines_follow_every_key(path):
    assert read_yaml(path).lines["objective", "reference", "mean"] == 2
