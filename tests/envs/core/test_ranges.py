"""What annotations promise of options holds however a market is made."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt

from pacesetter.envs.adapter.market import adapted
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.ranges import check_ranges
from pacesetter.envs.duopoly.market import Duopoly
from pacesetter.envs.registry import MARKETS, make

BOUNDS = {Ge: ("ge", -1), Gt: ("gt", 0), Le: ("le", 1), Lt: ("lt", 0)}


def members(annotation):
    """Annotations without None and without tuples around them, and how to put a value back in."""
    if get_origin(annotation) is tuple:
        entries = get_args(annotation)
        if entries[-1] is not Ellipsis:
            for member, put in members(entries[0]):
                yield member, lambda value, put=put: (put(value),) * len(entries)
        return
    if type(None) in get_args(annotation):
        for member in get_args(annotation):
            if member is not type(None):
                yield from members(member)
        return
    yield annotation, lambda value: value


def options():
    """(market, option, annotation, put) of every option of every registered market."""
    for name, market in MARKETS.items():
        hints = get_type_hints(market, include_extras=True)
        for field in dataclasses.fields(market):
            for annotation, put in members(hints[field.name]):
                yield pytest.param(name, field.name, annotation, put, id=f"{name}.{field.name}")


def refused(market, option, value, words=""):
    with pytest.raises(PacesetterError) as caught:
        make(market, **{option: value})
    assert str(caught.value).startswith(f"market {market!r}: ")
    assert option in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(("market", "option", "annotation", "put"), options())
def test_every_option_is_held_to_its_annotation(market, option, annotation, put):
    kind, limits = annotation, ()
    if get_origin(annotation) is Annotated:
        kind, *limits = get_args(annotation)
    if kind in (int, float):
        for wrong in (True, "3", math.nan, math.inf, [1]):
            refused(market, option, put(wrong), "must be")
    if kind is int:
        refused(market, option, put(2.5), "must be a whole number")
    if kind is bool:
        refused(market, option, 1, "must be true or false")
        refused(market, option, "true")
    if kind is str:
        refused(market, option, 3, "must be text")
    if get_origin(kind) is Literal:
        refused(market, option, get_args(kind)[0] + "x", f"did you mean {get_args(kind)[0]!r}")
        hint = get_type_hints(MARKETS[market], include_extras=True)[option]
        if type(None) not in get_args(hint):  # else None is the market's own choice
            refused(market, option, None, "Known: ")
    for limit in limits:
        if type(limit) in BOUNDS:
            side, step = BOUNDS[type(limit)]
            bound = getattr(limit, side)
            just_outside = bound + step if kind is int else math.nextafter(bound, step * math.inf)
            wrong = just_outside if step and kind is float else bound + step
            refused(market, option, put(kind(wrong)), "must be")


def test_numbers_are_bounded_in_every_market():
    """The test above holds options to what their annotations say; they must say something."""
    for market in MARKETS.values():
        hints = get_type_hints(market, include_extras=True)
        for field in dataclasses.fields(market):
            for annotation, _ in members(hints[field.name]):
                assert annotation not in (int, float), f"{market.name}.{field.name} has no range"


@pytest.mark.parametrize(
    ("market", "options", "message"),
    [
        ("duopoly", {"followers": -3}, "market 'duopoly': followers must be >= 1, got -3."),
        ("cobweb", {"periods": 0}, "market 'cobweb': periods must be >= 1, got 0."),
        (
            "duopoly",
            {"demand_slope": math.nan},
            "market 'duopoly': demand_slope must be a finite number > 0, got nan.",
        ),
        (
            "duopoly",
            {"followers": True},
            "market 'duopoly': followers must be a whole number >= 1, got True.",
        ),
        (
            "labour_tax",
            {"households": 1},
            "market 'labour_tax': households must be >= 2, got 1: the tax returns to a lone "
            "household whatever it pays.",
        ),
        (
            "household_economy",
            {"highest_taxes": (0.5, 0.5, 0.5, 1.0)},
            "market 'household_economy': highest_taxes[3] must be <= 0.95, got 1.0: to rule a tax "
            "out, choose the tax_rule 'flat' or 'none', or a small bound.",
        ),
    ],
)
def test_messages_say_what_where_and_what_is_allowed(market, options, message):
    with pytest.raises(PacesetterError) as caught:
        make(market, **options)
    assert str(caught.value) == message


def test_numbers_of_numpy_and_whole_numbers_for_fractions_are_taken():
    market = make("duopoly", followers=np.int64(3), demand_intercept=12, demand_slope=np.float32(1))
    assert market.benchmark()["stackelberg_leader_quantity"] == 6


@dataclass(frozen=True)
class Record:
    share: Annotated[float, Ge(0), Lt(1)] = 0.0
    far: Annotated[float, Gt(0), Le(math.inf)] = 1.0
    within: Annotated[float, Interval(ge=-1, le=1)] = 0.0
    perhaps: Annotated[int, Ge(1)] | Literal["all"] | None = None
    many: tuple[Annotated[int, Ge(0)], ...] = ()
    pair: tuple[float, str] = (0.0, "")
    anything: Any = None
    made: str = dataclasses.field(default="x", init=False)
    shared: ClassVar[int] = 0


@pytest.mark.parametrize(
    "options",
    [
        {"share": 0.0},
        {"share": math.nextafter(1.0, 0.0)},
        {"far": math.inf},
        {"perhaps": 3},
        {"perhaps": "all"},
        {"perhaps": None},
        {"many": [1, 2]},
        {"anything": object()},
    ],
)
def test_what_is_allowed_passes(options):
    check_ranges(Record(**options), "record")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 1.0}, "record: share must be < 1, got 1.0."),
        ({"far": -math.inf}, "record: far must be a finite number > 0 and <= inf, got -inf."),
        ({"far": math.nan}, "record: far must be a finite number > 0 and <= inf, got nan."),
        ({"within": 2}, "record: within must be <= 1, got 2."),
        ({"perhaps": 0}, "perhaps must be a whole number >= 1, 'all' or None, got 0."),
        ({"many": (1, -1)}, "record: many[1] must be >= 0, got -1."),
        ({"many": 3}, "record: many must be a list, each entry a whole number >= 0, got 3."),
        ({"pair": (1.0,)}, "record: pair must be a list of 2: a number, text; got 1: (1.0,)."),
        ({"many": "3"}, "record: many must be a list, each entry a whole number >= 0, got '3'."),
        ({"share": (1,)}, "record: share must be a number >= 0 and < 1, got (1,)."),
        ({"share": "0.5"}, "share must be a number >= 0 and < 1, got '0.5'; write 0.5 without"),
        ({"pair": (1.0, 2)}, "record: pair[1] must be text, got 2."),
    ],
)
def test_what_is_not_allowed_is_named(options, message):
    with pytest.raises(PacesetterError) as caught:
        check_ranges(Record(**options), "record")
    assert message in str(caught.value)


def test_annotations_that_say_nothing_are_left_alone():
    record_type = dataclasses.make_dataclass("Odd", [("odd", [1, 2]), ("many", list[int])])
    check_ranges(record_type(odd="x", many="y"), "record")


def test_a_users_own_market_is_checked():
    @dataclass(frozen=True)
    class Mine(Duopoly):
        tax: Annotated[float, Ge(0)] = 0.0

    with pytest.raises(PacesetterError, match="market 'duopoly': tax must be >= 0, got -1"):
        Mine(tax=-1.0)
    with pytest.raises(PacesetterError, match="followers must be >= 1"):
        Mine(followers=0)


class Environment:
    """Everything that an adapted class needs, and a constructor with hints of its own."""

    def __init__(
        self,
        boats: int = 3,
        growth: Annotated[float, Gt(0), "nothing would grow"] = 0.5,
        unknown: OnlyForTypeCheckers = None,  # noqa: F821
        text: NoSuchName[int] | str = "x",  # noqa: F821
    ):
        pass

    set_characteristics = observation_space = action_space = reset = step = lambda *_: None


def test_hints_of_an_environment_are_no_promise_but_for_their_limits():
    market = adapted(Environment, f"{__name__}:Environment")
    market(boats="seven", unknown=3.5, text=None)
    market(growth=np.float32(2.0))
    for wrong in (0.0, "much", math.nan):
        with pytest.raises(PacesetterError, match=r"growth must be > 0, got .*nothing would grow"):
            market(growth=wrong)
