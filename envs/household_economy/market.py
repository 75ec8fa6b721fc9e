"""Household economy: a government taxes households that work, consume and save under risk.

A Bewley–Aiyagari economy (Aiyagari 1994) in two accountings: ``closed``, the tax-design task of
ADAGE (Evans et al. 2025, arXiv:2501.09429, sec. 4.1), and ``taxai``, the full economy of TaxAI
(Mi et al. 2024, arXiv:2309.16307). Their equations stand in `closed` and
`taxai`, what both share in `production`, the taxes in `taxes`, what is observed
in `observation`.

Households choose the share of resources saved p and the share of the day worked h (Box). Entries of
θ that a tax rule does not read are fixed at 0, so that every rule has the same observation.

Version history: v1; v2: mean wealth may be observed in ``closed``; v3: ``taxai`` starts as the
source's program does, with units of labour from its start wage, 10.7 % more of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from gymnasium.spaces import Box

from ..core.arrays import Array, namespace
from ..core.characteristics import Characteristic, Characteristics, LinearConstraint
from ..core.errors import PacesetterError
from ..core.group import Group
from ..core.kernels.steps import CompiledSteps
from ..core.market import Actions, Market, Shocks
from ..core.random_streams import Shock
from ..core.state import State
from ..core.step import Step
from . import closed, kernels, observation, taxai
from .production import QUANTITIES, STEADY_INTENSITY, STEADY_WAGE, HouseholdState
from .taxes import TaxRule
from .wealth import WealthDistribution, read_distribution, shipped_distribution

HOUSEHOLD = "household"
ACCOUNTINGS = {"closed": closed, "taxai": taxai}
PERIODS = {"closed": 100, "taxai": 300}
Accounting = Literal["closed", "taxai"]
Horizon = Literal["truncation", "end"]
Budget = Literal["rebate", "discard", "spend"]
HouseholdReward = Literal["log", "bounded"]
OPTIONS_OF_ONE = {
    "closed": ("budget", "labour_income", "mean_wealth_seen", "highest_taxes"),
    "taxai": ("household_reward",),
}
TAX_NAMES = (
    "income_tax_level",
    "income_tax_progressivity",
    "wealth_tax_level",
    "wealth_tax_progressivity",
)
HighestTax = Annotated[
    float,
    Gt(0),
    Le(0.95),
    "to rule a tax out, choose the tax_rule 'flat' or 'none', or a small bound",
]
HIGHEST = {"closed": (0.95, 0.95, 0.95, 0.95), "taxai": (0.2, 0.05, 0.2, 0.05, 0.3)}
DECISIONS = {  # least and largest p and h; in taxai u of 0.001 to 0.99, p = 0.5 + 0.5 u, h = u
    "closed": ((0.0, 0.01), (0.99, 1.0)),
    "taxai": ((0.5005, 0.001), (0.995, 0.99)),
}
MOST_COMPILED = 1000  # households; with more of them, steps in NumPy are as fast
ROUNDING = 1e-11  # sums in another order, and the C library's functions
READS = {"hsv": (0, 1, 2, 3), "flat": (0, 2)}  # entries of θ that a tax rule reads; others: none


@dataclass(frozen=True)
class HouseholdEconomy(Market):
    """Households decide how much to save and to work; the leader sets the taxes.

    Attributes:
        accounting: ``closed`` (ADAGE: households and a firm) or ``taxai`` (with bank, government
            debt, consumption tax and super-stars).
        households: number of households, N.
        periods: years of an episode; None: 100 for ``closed`` (years after it weigh less than 1 %
            at a discount of 0.95, and wealth has settled), 300 for ``taxai``, as in the source.
        horizon: ``truncation``: the economy goes on beyond the last year; ``end``: it does not,
            and households see one over the years that are left.
        tax_rule: ``hsv`` (θ is the schedule), or a baseline: ``flat``, ``none``, ``us_federal``,
            ``saez`` (see `taxes`).
        budget: closed only; what becomes of the revenue: ``rebate`` to all alike, ``spend`` on
            goods nobody values, or ``discard``, in which the budget is not kept at all. Negative
            revenue is a levy on all alike, but for ``discard``, which needs ξ ≤ τ.
        labour_income: closed only; False leaves capital income alone.
        mean_wealth_seen: closed only; whether households with wages observe mean wealth. False:
            they see what ADAGE's do.
        household_reward: taxai only; ``log``: log c − (5h)³/3, in units of 10, or ``bounded``: the
            logistic function of log(c / 1000) − 10 h³/3.
        taxable_income_elasticity: read by ``saez``.
        highest_taxes: closed only; upper bounds of θ = (τⁱ, ξⁱ, τᵃ, ξᵃ); None: 0.95 each. They are
            also what followers are pre-trained under.
        weighted_wealth: initial wealth as in the population; False: as in the survey's sample.
        wealth_file: CSV of the user's own with columns ASSET and WGT; empty: the shipped survey.
    """

    accounting: Accounting = "closed"
    households: Annotated[int, Ge(2)] = 100
    periods: Annotated[int, Ge(1)] | None = None
    horizon: Horizon = "truncation"
    tax_rule: TaxRule = "hsv"
    budget: Budget = "rebate"
    labour_income: bool = True
    mean_wealth_seen: bool = True
    household_reward: HouseholdReward = "log"
    taxable_income_elasticity: Annotated[float, Gt(0), "estimates lie near 0.25"] = 0.25
    highest_taxes: tuple[HighestTax, HighestTax, HighestTax, HighestTax] | None = None
    weighted_wealth: bool = True
    wealth_file: str = ""

    name: ClassVar[str] = "household_economy"
    state_type: ClassVar[type[State]] = HouseholdState
    differentiable: ClassVar[bool] = True
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"households": 12},
        {"households": 2, "horizon": "end", "periods": 7, "labour_income": False},
        {"households": 5, "budget": "discard", "mean_wealth_seen": False},
        {"households": 5, "budget": "spend", "tax_rule": "flat"},
        {"households": 5, "tax_rule": "none"},
        {"households": 12, "accounting": "taxai"},
        {"households": 5, "accounting": "taxai", "tax_rule": "saez", "weighted_wealth": False},
        {"households": 5, "accounting": "taxai", "tax_rule": "us_federal", "horizon": "end"},
        {"households": 5, "accounting": "taxai", "household_reward": "bounded"},
    )
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "": {"households": 4},
        "taxai": {"households": 4, "accounting": "taxai"},
    }

    def __post_init__(self) -> None:
        """Refuse options without meaning together, and a file that cannot be read."""
        super().__post_init__()
        self._refuse_options_without_meaning()
        _ = self.wealth_distribution

    def _refuse_options_without_meaning(self) -> None:
        defaults = {field.name: field.default for field in fields(self)}
        for accounting, options in OPTIONS_OF_ONE.items():
            for option in options:
                if self.accounting != accounting and getattr(self, option) != defaults[option]:
                    raise PacesetterError(
                        f"{option} has no meaning with accounting {self.accounting!r}; leave it "
                        f"out, or set accounting to {accounting!r}."
                    )

    @cached_property
    def wealth_distribution(self) -> WealthDistribution:
        """Where initial wealth is drawn from."""
        if self.wealth_file:
            return read_distribution(self.wealth_file, self.weighted_wealth)
        return shipped_distribution(self.weighted_wealth)

    @cached_property
    def characteristics(self) -> Characteristics:
        """θ = (τⁱ, ξⁱ, τᵃ, ξᵃ), and in taxai G/Y; entries the rule does not read are fixed at 0."""
        highest = self._highest
        reads = READS.get(self.tax_rule, ())
        symbols = ("τ on income", "ξ on income", "τ on wealth", "ξ on wealth")
        entries = [
            Characteristic(name, 0.0, highest[k] if k in reads else 0.0, 0.0, "", symbols[k])
            for k, name in enumerate(TAX_NAMES)
        ]
        if self.accounting == "taxai":
            text = "government spending over output, G/Y"
            entries.append(Characteristic("spending_share", 0.0, highest[4], 0.0, "", text))
        if self.budget != "discard" or self.tax_rule != "hsv":
            return Characteristics(entries)
        return Characteristics(
            entries,
            prior=partial(_levels_above, highest=self._highest),
            constraints=[
                LinearConstraint({TAX_NAMES[k + 1]: 1.0, TAX_NAMES[k]: -1.0}, 0.0) for k in (0, 2)
            ],
            because="More progressivity than level pays out money that nobody has paid in; set "
            "budget to 'rebate' or 'spend', which levy it, or lower the progressivity.",
        )

    @property
    def _highest(self) -> tuple[float, ...]:
        return self.highest_taxes or HIGHEST[self.accounting]

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """One type of household, who sees all of θ."""
        entries, _ = observation.entries(self)
        low, high = (np.array(bound, np.float32) for bound in DECISIONS[self.accounting])
        return (
            Group(
                name=HOUSEHOLD,
                size=self.households,
                observation_space=Box(-np.inf, np.inf, (entries,), np.float32),
                action_space=Box(low, high, dtype=np.float32),
                view=self.characteristics.names,
            ),
        )

    @property
    def steps_per_episode(self) -> int:
        """Years of an episode."""
        return self.periods or PERIODS[self.accounting]

    @property
    def ends_early(self) -> bool:
        """TaxAI's economies can break down."""
        return self.accounting == "taxai"

    @property
    def ends_at_horizon(self) -> bool:
        """Whether the economy ends with the episode."""
        return self.horizon == "end"

    @cached_property
    def leader_observation_space(self) -> Box:
        """Means (closed) or aggregates (taxai), and θ so far."""
        _, entries = observation.entries(self)
        return Box(-np.inf, np.inf, (entries,), np.float32)

    @property
    def quantities(self) -> dict[str, str]:
        """Path quantities; money is in mean initial incomes (closed) or millions of dollars."""
        return QUANTITIES

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """Productivity, and in taxai who becomes or stays a super-star."""
        shocks = {"productivity": Shock("normal", (self.households,))}
        if self.accounting == "taxai":
            shocks["super_star"] = Shock("uniform", (self.households,))
        return shocks

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Each household's place in the distribution of wealth, and its first productivity."""
        return {"wealth": Shock("uniform", (self.households,)), **self.step_shocks}

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """Households as the survey finds them, at usual hours."""
        xp = namespace(theta)
        wealth = self.wealth_distribution.at(xp, shocks["wealth"])
        if self.accounting == "closed":
            return closed.start(self, xp, wealth, shocks["productivity"])
        return taxai.start(self, xp, wealth, shocks)

    def transition(self, state: HouseholdState, actions: Actions, shocks: Shocks) -> Step:
        """Households work, are taxed, consume and save; then they are paid their utility."""
        xp = namespace(state.theta)
        chosen = xp.astype(actions[HOUSEHOLD], state.theta.dtype)  # (B, N, 2)
        advance = ACCOUNTINGS[self.accounting].advance
        after, rewards, quantities = advance(
            self, xp, state, chosen[:, :, 0], chosen[:, :, 1], shocks
        )
        terminated = None
        if self.accounting == "taxai":
            terminated = quantities["end_reason"] > 0
        return self.end_step(after, {HOUSEHOLD: rewards}, quantities, terminated)

    def observe(self, state: HouseholdState) -> dict[str, Array]:
        """``(B, N, 9)`` closed, 8 without mean wealth, ``(B, N, 14)`` taxai.

        One more with ``horizon: end``.
        """
        return {HOUSEHOLD: observation.observe(self, state)}

    def leader_observe(self, state: HouseholdState) -> Array:
        """``(B, 7)`` closed, ``(B, 12)`` taxai."""
        return observation.leader_observe(self, state)

    @cached_property
    def theta_scale(self) -> Any:
        """Factor that takes θ to its view of 0 to 2, before 1 is taken off, ``(d,)``."""
        return 2.0 / np.array(self._highest)

    @cached_property
    def compiled_steps(self) -> CompiledSteps | None:
        """Years of few households in ``closed``, in which NumPy's calls would take most."""
        known = self.accounting == "closed" and self.tax_rule in kernels.RULES
        if not known or self.ends_at_horizon or self.households > MOST_COMPILED:
            return None
        constants = np.array(
            [
                *(kernels.RULES.index(self.tax_rule), kernels.BUDGETS.index(self.budget)),
                *(self.labour_income, observation.sees_mean_wealth(self), *self.theta_scale),
            ],
            dtype=float,
        )
        steps = (kernels.observe, kernels.step, constants, kernels.QUANTITIES)
        unpacked = partial(kernels.unpacked, households=self.households)
        return CompiledSteps(*steps, kernels.packed, unpacked, kernels.OF_EACH, ROUNDING)

    def benchmark(self) -> dict[str, float]:
        """The steady state at which capital earns the interest rate after depreciation."""
        return {"steady_capital_per_labour": STEADY_INTENSITY, "steady_wage": STEADY_WAGE}


def _levels_above(uniforms: Any, highest: tuple[float, ...]) -> Any:
    """Draws with ξ ≤ τ for both taxes: of each pair the larger is the level."""
    level, progressivity = (np.array(highest[k::2]) for k in range(2))
    ordered = np.sort(uniforms.reshape(-1, 2, 2), axis=2)
    taxes = np.stack(
        [level * ordered[:, :, 1], np.minimum(level * ordered[:, :, 0], progressivity)], axis=2
    )
    return taxes.reshape(-1, 4)
