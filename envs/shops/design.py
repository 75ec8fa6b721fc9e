"""What θ is in a market of shops: one of five designs, named by the options that it replaces."""

from __future__ import annotations

from typing import Literal

from ..core.characteristics import Characteristic, Characteristics

Design = Literal["rival_price", "reach", "mix", "composition", "costs"]
LEAST_INFORMATION_COST = 0.05  # below, choices are all but certain and answers jump
LEAST_CONNECTIVITY = 0.05
MOST_STORAGE_COST, MOST_SHORTFALL_COST = 0.3, 1.5


def characteristics_of(design: Design, cost: float, highest_price: float) -> Characteristics:
    """θ of a design.

    Args:
        design: see `Shops`.
        cost: c of the shop whose price is θ.
        highest_price: that shops may set.
    """
    money, per_unit = "units of money", "units of money per unit"
    middle = (cost + highest_price) / 2.0
    hurried = Characteristic("hurried_share", 0.0, 1.0, 0.5, "share of customers", "h")
    reach = [
        Characteristic("connectivity", LEAST_CONNECTIVITY, 1.0, 1.0, "chance to reach a shop", "k"),
        Characteristic(
            "information_cost", LEAST_INFORMATION_COST, 1.0, 0.25, "utility per nat", "λ"
        ),
    ]
    entries = {
        "reach": reach,
        "mix": [hurried, reach[0]],
        "composition": [hurried, *reach],
        "rival_price": [
            Characteristic("rival_price", cost, highest_price, middle, money, "of the last shop")
        ],
        "costs": [
            Characteristic("storage_cost", 0.0, MOST_STORAGE_COST, 0.1, per_unit, "w2"),
            Characteristic("shortfall_cost", 0.0, MOST_SHORTFALL_COST, 0.5, per_unit, "w3"),
        ],
    }
    return Characteristics(entries[design])
