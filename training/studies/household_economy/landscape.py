"""What constant taxes are worth to households that do their best: computed, nothing is learned.

One equilibrium of the closed household economy (`envs/household_equilibrium.py`) for every value of
each tax alone, and for some together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....envs.household_economy.equilibrium import HouseholdEquilibrium, household_equilibrium
from ....envs.household_economy.market import TAX_NAMES, HouseholdEconomy
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..charts import save

ECONOMIES = 16  # copies over which paths are averaged
SWEEPS = 40  # no more: means over years have settled long before the last year has
ALONE = (
    (0.1, 0.3, 0.5),  # τ on income
    (0.1, 0.3, 0.5),  # ξ on income
    (0.003, 0.01, 0.03),  # τ on wealth
    (0.003, 0.01, 0.03),  # ξ on wealth
)
TOGETHER = ((0.3, 0.5, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0), (0.2, 0.2, 0.01, 0.01))
SHOWN = ("welfare", "hours", "saving_share", "wage", "wealth_gini", "income_gini")
Floats = NDArray[np.float64]


def taxes() -> list[tuple[float, ...]]:
    """No tax, every tax alone, some together."""
    alone = [
        tuple(value if k == entry else 0.0 for k in range(4))
        for entry, values in enumerate(ALONE)
        for value in values
    ]
    return [(0.0, 0.0, 0.0, 0.0), *alone, *TOGETHER]


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """`household_landscape` as a table of docs/results; it needs neither runs nor jobs."""
    return household_landscape(out, seeds or ECONOMIES)


def household_landscape(out: Path, copies: int = ECONOMIES) -> dict[str, float]:
    """Compute all equilibria and write the table and the picture into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    market = HouseholdEconomy()
    figures: dict[str, float] = {}
    lines = [
        "# Constant taxes in the household economy, when all households do their best",
        "",
        f"Made with `pacesetter reproduce household_landscape --seeds {copies}`: means over as "
        "many economies of 100 households and 100 years, closed accounting, revenue returned to "
        "all alike. Households foresee wages and transfers and decide by dynamic programming; "
        "`gap` is the largest error of what they foresee, as a share.",
        "",
        f"| τ, ξ on income | τ, ξ on wealth | {' | '.join(SHOWN)} | gap |",
        "|---" * (len(SHOWN) + 3) + "|",
    ]
    welfare = {}
    for theta in taxes():
        found = household_equilibrium(market, theta, copies=copies, most_sweeps=SWEEPS)
        welfare[theta] = found.mean("welfare")
        lines.append(_row(theta, found))
        name = "/".join(f"{value:g}" for value in theta)
        figures |= {f"{name}/{key}": found.mean(key) for key in SHOWN} | {f"{name}/gap": found.gap}
        print(lines[-1], flush=True)
    lines += ["", "![welfare over each tax](household_landscape.png)", ""]
    save(_picture(welfare), out / "household_landscape.png")
    command = f"pacesetter reproduce household_landscape --seeds {copies}"
    made = {"command": command, "machine": machine(), "figures": figures}
    write_json(out / "household_landscape.json", made)
    write_whole(out / "household_landscape.md", "\n".join(lines))
    return figures


def _row(theta: tuple[float, ...], found: HouseholdEquilibrium) -> str:
    numbers = " | ".join(f"{found.mean(key):.3f}" for key in SHOWN)
    income, wealth = (f"{a:g}, {b:g}" for a, b in (theta[:2], theta[2:]))
    return f"| {income} | {wealth} | {numbers} | {found.gap:.3f} |"


def _picture(welfare: dict[tuple[float, ...], float]) -> Any:
    """Welfare over each tax alone."""
    from ..charts import EXACT_COLOUR, chart

    figure, axes = chart(1, 4, width=11, height=3)
    for entry, (axis, name) in enumerate(zip(np.ravel(axes), TAX_NAMES, strict=True)):
        points = sorted(
            (theta[entry], value)
            for theta, value in welfare.items()
            if not any(theta[:entry] + theta[entry + 1 :])
        )
        axis.plot(*zip(*points, strict=True), "o-", color=EXACT_COLOUR)
        axis.set_xlabel(name.replace("_", " "))
    np.ravel(axes)[0].set_ylabel("welfare per year")
    return figure
