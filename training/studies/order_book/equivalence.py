"""Does the background market trade as the original does? Statistics of both presets, and pictures.

The figures of the original, ABIDES (Byrd, Hybinette and Balch 2020), were measured on single runs
of its reference configurations, from 09:35 to 10:30 on a grid of one second. A figure fits where
the original's run, or one of its runs, lies within two standard deviations of ours over seeds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.order_book.background.market import SECOND, BackgroundMarket
from ....envs.order_book.background.simulation import Markets
from ....envs.order_book.layout import BUY, CANCELLED, EXECUTED, KIND, SELL, SHARES, SUBMITTED
from ....envs.order_book.stylised_facts import (
    BookSamples,
    autocorrelation,
    log_return,
    time_to_first_fill,
    trades,
)
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart, save
from ..statistics import deviation

SEEDS = 20
WARM_UP, SECONDS, LEVELS = 300 * SECOND, 3300, 10
ROOM_FOR_EVENTS = 150_000
LAGS = 30
SHOWN = 10  # minutes of the pictures
Events = NDArray[np.int64]


@dataclass(frozen=True)
class Reference:
    """A figure of the original.

    Attributes:
        figure: name among `statistics`.
        label: in words, with unit.
        runs: what single runs of the original gave: each value, or the least and the largest.
    """

    figure: str
    label: str
    runs: tuple[float, ...]


REFERENCES = {
    "rmsc04": (
        Reference("spread_mean", "mean spread, cents", (2.1, 1.4, 1.8)),
        Reference("spread_median", "median spread, cents", (1.0,)),
        Reference("bid_size_level_1", "shares at the best bid", (163, 208)),
        Reference("ask_size_level_1", "shares at the best ask", (145, 176)),
        Reference("bid_size_levels_10", "shares in ten levels of bids", (1085, 1257)),
        Reference("ask_size_levels_10", "shares in ten levels of asks", (1198, 1421)),
        Reference("minute_return_bp", "deviation of returns of one minute, bp", (0.7, 1.2)),
        Reference("limit_orders_per_hour", "limit orders that come to rest, per hour", (4042,)),
        Reference("cancellations_per_hour", "cancellations per hour", (2449,)),
        Reference("executions_per_hour", "executions per hour", (2512,)),
        Reference("execution_size", "mean shares of an execution", (52,)),
    ),
    "rmsc03": (
        Reference("spread_mean", "mean spread, cents", (2.4,)),
        Reference("spread_median", "median spread, cents", (1.0,)),
        Reference("bid_size_levels_10", "shares in ten levels of bids", (12_852,)),
        Reference("ask_size_levels_10", "shares in ten levels of asks", (15_586,)),
        Reference("minute_return_bp", "deviation of returns of one minute, bp", (17.3,)),
        Reference("limit_orders_per_hour", "limit orders that come to rest, per hour", (33_452,)),
        Reference("cancellations_per_hour", "cancellations per hour", (23_595,)),
        Reference("executions_per_hour", "executions per hour", (19_691,)),
        Reference("execution_size", "mean shares of an execution", (16.6,)),
    ),
}


# Measuring ----------------------------------------------------------------------------------------


def sample(preset: str, seeds: int) -> list[tuple[BookSamples, Events]]:
    """The book of every second from 09:35 to 10:30 and all events of that time, per seed."""
    market = BackgroundMarket.preset(preset)
    markets = Markets.opened(market, np.arange(seeds), events=ROOM_FOR_EVENTS)
    time_ns = market.open_ns + WARM_UP + SECOND * np.arange(SECONDS)
    markets.advance(time_ns[0])
    markets.clear_events()
    found = np.zeros((seeds, SECONDS, 4, LEVELS))
    for second, time in enumerate(time_ns):
        markets.advance(time)
        found[:, second] = markets.levels(LEVELS)
    markets.advance(time_ns[-1] + SECOND)
    return [(samples_of(time_ns, found[b]), markets.events(b)) for b in range(seeds)]


def samples_of(time_ns: NDArray[np.int64], levels: Any) -> BookSamples:
    """Samples from levels as `Markets.levels` gives them, ``(T, 4, n)``."""
    bids, bid_sizes, asks, ask_sizes = np.moveaxis(np.asarray(levels, dtype=np.float64), 1, 0)
    return BookSamples(
        time_ns,
        np.where(bid_sizes > 0, bids, np.nan),
        bid_sizes,
        np.where(ask_sizes > 0, asks, np.nan),
        ask_sizes,
    )


def statistics(book: BookSamples, events: Events) -> dict[str, float]:
    """The figures of one run."""
    hours = SECONDS / 3600
    executed = events[events[:, KIND] == EXECUTED]
    returns = log_return(book.mid[::60])
    of_seconds = log_return(book.mid)
    fills = time_to_first_fill(events)
    return {
        "spread_mean": float(np.nanmean(book.spread)),
        "spread_median": float(np.nanmedian(book.spread)),
        "bid_size_level_1": float(book.volume(BUY, 1).mean()),
        "ask_size_level_1": float(book.volume(SELL, 1).mean()),
        "bid_size_levels_10": float(book.volume(BUY, 10).mean()),
        "ask_size_levels_10": float(book.volume(SELL, 10).mean()),
        "imbalance_levels_5": float(book.imbalance(5).mean()),
        "minute_return_bp": 1e4 * float(np.nanstd(returns)),
        "second_return_autocorrelation": float(autocorrelation(of_seconds, 1)[0]),
        "absolute_return_autocorrelation": float(autocorrelation(np.abs(of_seconds), 1)[0]),
        "limit_orders_per_hour": float((events[:, KIND] == SUBMITTED).sum()) / hours,
        "cancellations_per_hour": float((events[:, KIND] == CANCELLED).sum()) / hours,
        "executions_per_hour": len(executed) / hours,
        "execution_size": float(executed[:, SHARES].mean()),
        "median_seconds_to_first_fill": float(np.median(fills)),
    }


# Judging and writing ------------------------------------------------------------------------------


def fits(reference: Reference, ours: NDArray[np.float64]) -> bool:
    """Whether a run of the original could be one of ours; several runs span a range.

    Of our runs, ``(n,)``, there are two or more.
    """
    middle, spread = ours.mean(), deviation(ours)
    return bool(
        min(reference.runs) <= middle + 2 * spread and middle - 2 * spread <= max(reference.runs)
    )


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """`order_book_equivalence` as a table of docs/results; it needs neither runs nor jobs."""
    return order_book_equivalence(out, seeds or SEEDS)


def order_book_equivalence(out: Path, seeds: int = SEEDS) -> dict[str, float]:
    """Measure both presets and write the table and the pictures into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, float] = {}
    lines = [
        "# The background market beside the original",
        "",
        f"Made with `pacesetter reproduce order_book_equivalence`; {_seeds(seeds)}.",
        "",
        "From 09:35 to 10:30, on a grid of one second. The original is ABIDES (Byrd, Hybinette and "
        "Balch 2020), single runs of its configurations rmsc04 and rmsc03, the latter without its "
        "execution agent. A figure fits where a run of the original could be one of ours: within "
        "two standard deviations over seeds.",
        "",
    ]
    sampled = {preset: sample(preset, seeds) for preset in REFERENCES}
    for preset, runs in sampled.items():
        found = [statistics(book, events) for book, events in runs]
        columns = {name: np.array([one[name] for one in found]) for name in found[0]}
        lines += _table(preset, columns)
        for name, values in columns.items():
            figures[f"{preset}/{name}"] = float(values.mean())
            if seeds > 1:
                figures[f"{preset}/{name}/deviation"] = deviation(values)
        for reference in REFERENCES[preset] if seeds > 1 else ():
            name = f"{preset}/{reference.figure}/fits"
            figures[name] = float(fits(reference, columns[reference.figure]))
    command = f"pacesetter reproduce order_book_equivalence --seeds {seeds}"
    made = {"command": command, "machine": machine(), "figures": figures}
    for name, figure in pictures(sampled).items():
        save(figure, out / f"{name}.png")
        lines.append(f"![{name.replace('_', ' ')}]({name}.png)\n")
    write_json(out / "order_book_equivalence.json", json.loads(json.dumps(made)))
    write_whole(out / "order_book_equivalence.md", "\n".join(lines))
    return figures


def _seeds(number: int) -> str:
    return f"seeds 0 to {number - 1}" if number > 1 else "seed 0"


def _table(preset: str, columns: dict[str, NDArray[np.float64]]) -> list[str]:
    lines = [
        f"## {preset}",
        "",
        "| figure | original | here: mean ± deviation over seeds | least … largest | fits |",
        "|---|---|---|---|---|",
    ]
    references = {reference.figure: reference for reference in REFERENCES[preset]}
    for name, values in columns.items():
        reference = references.get(name)
        label = reference.label if reference else name.replace("_", " ")
        runs = " / ".join(f"{run:g}" for run in reference.runs) if reference else ""
        found, verdict = f"{values.mean():.4g}", ""
        if len(values) > 1:  # a single run has no deviation that the original could be held to
            found += f" ± {deviation(values):.2g}"
            verdict = "" if reference is None else "yes" if fits(reference, values) else "**no**"
        lines.append(
            f"| {label} | {runs} | {found} | {values.min():.4g} … {values.max():.4g} | {verdict} |"
        )
    return [*lines, ""]


# Pictures -----------------------------------------------------------------------------------------


def pictures(sampled: dict[str, list[tuple[BookSamples, Events]]]) -> dict[str, Figure]:
    """Depth of the book over time, mid with trades, and autocorrelations."""
    return {
        "order_book_depth": _depth({preset: runs[0][0] for preset, runs in sampled.items()}),
        "order_book_trades": _trades({preset: runs[0] for preset, runs in sampled.items()}),
        "order_book_autocorrelation": _autocorrelations(sampled),
    }


def _depth(books: dict[str, BookSamples]) -> Figure:
    figure, axes = chart(1, len(books), width=9, height=3.4)
    for axis, (preset, book) in zip(axes, books.items(), strict=True):
        minutes = (book.time_ns - book.time_ns[0]) / 60e9
        shown = minutes < SHOWN
        for prices, sizes, colour in (
            (book.bid_prices, book.bid_sizes, TRAINED_COLOUR),
            (book.ask_prices, book.ask_sizes, EXACT_COLOUR),
        ):
            time = np.broadcast_to(minutes[:, None], prices.shape)[shown]
            area = 1.5 * np.log10(1.0 + sizes[shown])
            axis.scatter(
                time, prices[shown] / 100, s=area, c=colour, alpha=0.25, lw=0, rasterized=True
            )
        axis.plot(minutes[shown], book.mid[shown] / 100, color="black", lw=0.7, label="mid")
        axis.set_title(f"{preset}: ten levels a side")
        axis.set_xlabel("minutes after 09:35")
        axis.set_ylabel("dollars")
        axis.legend()
    return figure


def _trades(runs: dict[str, tuple[BookSamples, Events]]) -> Figure:
    """Mid and trades, their area growing with the shares."""
    figure, axes = chart(1, len(runs), width=9, height=3.4)
    for axis, (preset, (book, events)) in zip(axes, runs.items(), strict=True):
        start, traded = book.time_ns[0], trades(events)
        minutes = (book.time_ns - start) / 60e9
        axis.plot(minutes[minutes < SHOWN], book.mid[minutes < SHOWN] / 100, color="black", lw=0.7)
        recent = (traded["time_ns"] - start) / 60e9 < SHOWN
        for side, colour, label in (
            (BUY, TRAINED_COLOUR, "bought"),
            (SELL, EXACT_COLOUR, "sold"),
        ):
            chosen = np.flatnonzero((traded["side"] == side) & recent)
            axis.scatter(
                (traded["time_ns"][chosen] - start) / 60e9,
                traded["price"][chosen] / 100,
                s=0.5 * traded["shares"][chosen] ** 0.7,
                c=colour,
                alpha=0.4,
                lw=0,
                label=label,
                rasterized=True,
            )
        axis.set_title(f"{preset}: mid and trades")
        axis.ticklabel_format(useOffset=False)
        axis.set_xlabel("minutes after 09:35")
        axis.set_ylabel("dollars")
        axis.legend()
    return figure


def _autocorrelations(sampled: dict[str, list[tuple[BookSamples, Events]]]) -> Figure:
    figure, axes = chart(1, len(sampled), width=9, height=3.0)
    lags = np.arange(1, LAGS + 1)
    for axis, (preset, runs) in zip(axes, sampled.items(), strict=True):
        returns = [log_return(book.mid) for book, _ in runs]
        for values, label, colour in (
            (returns, "returns of one second", TRAINED_COLOUR),
            ([np.abs(r) for r in returns], "their absolute values", EXACT_COLOUR),
        ):
            found = np.array([autocorrelation(value, LAGS) for value in values])
            axis.plot(lags, found.mean(axis=0), "o-", ms=3, lw=1, color=colour, label=label)
        axis.axhline(0, color="0.6", lw=0.8)
        axis.set_title(preset)
        axis.set_xlabel("lag, s")
        axis.set_ylabel("autocorrelation")
        axis.legend()
    return figure
