"""Who finds the traders: recipe R, the published one, moments, and leaders without derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..charts import save
from ..statistics import mean_text
from .fits import Entrant, Fit, fitted
from .pictures import pictures

NAME = "stock_market_leaders"
TEN, TWENTY, FEW = range(10), range(20), range(3)
SHARP = (
    "objective.function=pacesetter.envs.stock_market.statistics:sharp",
    "objective.reads=[price]",
    "objective.estimates={technical: technical_sensitivity}",
    "leader.sharpen=true",
)
STRAIGHT = ("market.rules=straight_through", "leader.how=pathwise")
LONGER = ("training.copies=2048",)
RECIPE, LARGE, LITERAL = "R, 1,000 paths", "R, 4,000 paths", "as published"
MOMENTS, SHARPENED, INDICATOR = "moments, 18", "moments, 74", "indicator rules"
ENTRANTS = (
    Entrant(RECIPE, "stock_market_adversarial", TEN),
    Entrant(LARGE, "stock_market_adversarial", TEN, ("objective.reference.number=4000",)),
    Entrant(LITERAL, "stock_market_literal", FEW),
    Entrant(MOMENTS, "stock_market_moments", TWENTY),
    Entrant(SHARPENED, "stock_market_moments", TEN, SHARP),
    Entrant(INDICATOR, "stock_market_indicator", TEN),
    Entrant("indicator rules, straight through", "stock_market_indicator", range(5), STRAIGHT),
    Entrant("bayesian", "stock_market_bayesian", FEW, LONGER),
    Entrant("random", "stock_market_random", FEW, (*LONGER, "leader.candidates=8")),
)
PAPER_SECONDS = 40 * 60
Fits = dict[str, list[Fit]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """A figure of an entrant and the range it must lie in.

    Attributes:
        entrant: label.
        what: in words.
        value: from its fits to the figure.
        low, high: bounds included.
    """

    entrant: str
    what: str
    value: Callable[[list[Fit]], float]
    low: float = float("-inf")
    high: float = float("inf")

    def line(self, fits: Fits) -> tuple[str, bool, float]:
        """A row of the table, whether it holds, and the figure."""
        value = self.value(fits[self.entrant])
        holds = bool(self.low <= value <= self.high)
        wanted = f"[{self.low:g}, {self.high:g}]"
        if np.isinf(self.low):
            wanted = f"≤ {self.high:g}"
        if np.isinf(self.high):
            wanted = f"≥ {self.low:g}"
        row = f"| {self.entrant} | {self.what} | {wanted} | {value:.4g} | {_yes(holds)} |"
        return row, holds, value


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def share_within(entry: int | None, share: float) -> Callable[[list[Fit]], float]:
    """Share of fits with an entry of θ, or all, off by no more than a share of the truth."""

    def value(fits: list[Fit]) -> float:
        off = np.abs([fit.off for fit in fits])
        near = off if entry is None else off[:, [entry]]
        return float((near <= share).all(axis=1).mean())

    return value


def rmse(entry: int) -> Callable[[list[Fit]], float]:
    """Root of the mean squared error of an entry of θ."""
    return lambda fits: float(np.sqrt(np.mean([_errors(fit)[entry] ** 2 for fit in fits])))


def share_covered(entry: int) -> Callable[[list[Fit]], float]:
    """Share of fits whose error is below two of their own standard errors."""
    return lambda fits: float(
        np.mean([bool(fit.errors) and _within_two(fit, entry) for fit in fits])
    )


def _within_two(fit: Fit, entry: int) -> bool:
    return bool(abs(_errors(fit)[entry]) <= 2.0 * fit.errors[entry])


def _errors(fit: Fit) -> Floats:
    return np.array(fit.theta) - np.array(fit.truth)


def path_error(fits: list[Fit]) -> float:
    """Median over fits, in percent."""
    return 100.0 * float(np.median([fit.path_error for fit in fits]))


def share_of_quarter(fits: list[Fit]) -> float:
    """Share of fits whose path error is at most a quarter of the start's."""
    return float(np.mean([fit.path_error <= fit.start_error / 4.0 for fit in fits]))


def longest(fits: list[Fit]) -> float:
    """Most processor seconds of a fit."""
    return max(fit.seconds for fit in fits)


def mean_loss(place: int) -> Callable[[list[Fit]], float]:
    """Mean loss of the discriminator: 0 where it learned, 1 on paths held out."""
    return lambda fits: float(np.mean([fit.losses[place] for fit in fits]))


def _of_recipe() -> list[Target]:
    names = ("b", "c", "d")
    found = [
        Target(RECIPE, "b within 10 %", share_within(0, 0.1), low=0.9),
        Target(RECIPE, "d within 10 %", share_within(2, 0.1), low=0.9),
        Target(RECIPE, "c within 10 %", share_within(1, 0.1), low=0.5),
        Target(RECIPE, "c within 25 %", share_within(1, 0.25), low=0.9),
        Target(RECIPE, "rmse of c", rmse(1), high=0.12),
        Target(RECIPE, "path error, median, %", path_error, high=0.4),
        Target(RECIPE, "path error ≤ ¼ of the start's", share_of_quarter, low=0.9),
        Target(RECIPE, "loss where it learned", mean_loss(0), 1.33, 1.39),
        Target(RECIPE, "loss on paths held out", mean_loss(1), 1.33, 1.39),
        Target(RECIPE, "processor seconds, longest", longest, high=20.0),
        Target(LARGE, "all within 10 %", share_within(None, 0.1), low=0.8),
        Target(LARGE, "rmse of c", rmse(1), high=0.06),
        Target(LARGE, "loss on paths held out", mean_loss(1), 1.33, 1.39),
        Target(LARGE, "processor seconds, longest", longest, high=30.0),
    ]
    for way in (MOMENTS, SHARPENED):
        found += [
            Target(way, f"{name} within 2 of its standard errors", share_covered(k), low=0.9)
            for k, name in enumerate(names)
        ]
    return [
        *found,
        Target(MOMENTS, "processor seconds, longest", longest, high=5.0),
        Target(INDICATOR, "c and γ within 10 %", share_within(None, 0.1), low=0.75),
    ]


TARGETS = _of_recipe()
NOTES = (
    "b = c = 1 and d = .5 (γ = .5 with indicator rules, where b = 1 is fixed), 1,000 paths unless "
    "said otherwise; every seed has data, start and simulations of its own. b and −b, and c and "
    "−c, are the same traders: signs are aligned before anything is compared. Starts of the "
    "adversarial leader are N(0, 1), those of `moments` (2, 2, 1) and three draws of the whole "
    "range.",
    "*Path error*: the largest relative distance of two prices within a path, answer and truth "
    "under the same shocks, median over 1,000 paths and then over seeds; *start's*: the same where "
    "the leader began. *Loss*: of a discriminator that learns from 80 % of the real paths, mean "
    "over the last part of the game, there and on the other 20 %; chance is 2 log 2 = 1.386. "
    "Processor seconds are without imports; the paper says 40 minutes on a laptop of 2015.",
    "A logistic discriminator that knows n paths by heart in k directions has a loss k / 4n below "
    "chance on them and as much above it elsewhere: .021 for 67 directions and 800 paths. Without "
    "R's penalty on its weights the loss on paths held out was 1.40 to 1.43 (seeds 10 to 14; "
    "rmse of c .088, on three of these .089 and with the penalty .119). The penalty takes four "
    "fifths of the weights; where the discriminator finds no difference stays the same.",
    "*R* is `stock_market_adversarial`, *as published* `stock_market_literal`. `bayesian` and "
    "`random` compare distributions of single prices and returns, in about the processor time of "
    "R. Straight through, the Jacobian is that of a smooth rule along the paths of indicators; "
    "differences play twice per characteristic. Recipes were chosen on seeds 10 and up.",
)


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """`stock_market_leaders` as a table of docs/results; fits are kept in a folder of `runs`."""
    folder = runs / NAME
    entrants = [replace(e, seeds=e.seeds[:seeds]) for e in ENTRANTS]
    total, done = sum(len(e.seeds) for e in entrants), 0
    fits: Fits = {}
    for entrant in entrants:
        fits[entrant.label] = []
        for seed in entrant.seeds:
            fit = fitted(entrant, seed, folder)
            fits[entrant.label].append(fit)
            done += 1
            answer = ", ".join(f"{value:.4f}" for value in fit.theta)
            print(f"  {done}/{total}  {entrant.label}, seed {seed}: {answer}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    return _written(entrants, fits, out, seeds)


def _written(
    entrants: Sequence[Entrant], fits: Fits, out: Path, seeds: int | None
) -> dict[str, float]:
    command = f"pacesetter reproduce {NAME}" + (f" --seeds {seeds}" if seeds else "")
    figures: dict[str, float] = {}
    lines = ["# Who finds the traders of the stock market", "", f"Made with `{command}`.", ""]
    for note in NOTES:
        lines += [note, ""]
    lines += _columns()
    for entrant in entrants:
        row, of_row = _row(entrant, fits[entrant.label])
        lines.append(row)
        figures |= {f"{entrant.label}/{key}": value for key, value in of_row.items()}
    lines += [
        "",
        "## Targets",
        "",
        "| of | figure | target | found | met |",
        "|---|---|---|---|---|",
    ]
    for target in TARGETS:
        row, holds, value = target.line(fits)
        lines.append(row)
        figures[f"{target.entrant}/{target.what}"] = value
        figures[f"{target.entrant}/{target.what}/passed"] = float(holds)
    drawn = pictures(fits[RECIPE], fits[LITERAL])
    for name, figure in drawn.items():
        save(figure, out / f"{NAME}_{name}.png")
        lines += ["", f"![{name}]({NAME}_{name}.png)"]
    made = {"command": command, "machine": machine(), "figures": figures}
    every = {e.label: {"seeds": list(e.seeds)} for e in entrants}
    for entrant in entrants:
        kept = ("theta", "errors", "path_error", "start_error", "losses", "seconds")
        every[entrant.label] |= {
            key: [getattr(fit, key) for fit in fits[entrant.label]] for key in kept
        }
    write_json(out / f"{NAME}.json", {**made, "fits": every})
    write_whole(out / f"{NAME}.md", "\n".join([*lines, ""]))
    return figures


def _columns() -> list[str]:
    titles = (
        *("leader", "seeds", "b (mean ± 95 %)", "c (mean ± 95 %)", "d or γ (mean ± 95 %)"),
        *("rmse of b, c, d", "within 10 %: b, c, d", "path error, %", "start's, %"),
        *("loss: learned, held out", "seconds (median)", "paper's / ours"),
    )
    return [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]


def _row(entrant: Entrant, fits: list[Fit]) -> tuple[str, dict[str, float]]:
    theta = np.array([fit.theta for fit in fits])
    errors = theta - np.array([fit.truth for fit in fits])
    squared = np.sqrt((errors**2).mean(axis=0))
    near = (np.abs([fit.off for fit in fits]) <= 0.1).sum(axis=0)
    seconds = np.median([fit.seconds for fit in fits])
    losses = np.array([fit.losses for fit in fits]).mean(axis=0)
    starts = 100.0 * np.median([fit.start_error for fit in fits])
    means = [mean_text(column, 4) for column in theta.T]
    if len(means) == 2:
        means.insert(0, "1, fixed")
    cells = (
        entrant.label,
        f"{entrant.seeds[0]} to {entrant.seeds[-1]}",
        *means,
        ", ".join(f"{value:.3g}" for value in squared),
        ", ".join(str(number) for number in near) + f" of {len(fits)}",
        f"{path_error(fits):.2g}",
        f"{starts:.2g}",
        ", ".join(f"{loss:.3f}" for loss in losses),
        f"{seconds:.3g}",
        f"{PAPER_SECONDS / seconds:,.0f}",
    )
    figures = {
        "path_error_percent": path_error(fits),
        "start_error_percent": float(starts),
        "seconds": float(seconds),
    }
    for name, value, count in zip(("b", "c", "d")[-len(squared) :], squared, near, strict=True):
        figures[f"rmse/{name}"] = float(value)
        figures[f"within_10_percent/{name}"] = float(count) / len(fits)
    return f"| {' | '.join(cells)} |", figures
