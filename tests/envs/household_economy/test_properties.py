"""What holds for every household economy: budgets, resources, symmetry; bad input is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.household_economy.inequality import gini, lorenz_curve
from pacesetter.envs.household_economy.saving import saving_share
from pacesetter.envs.household_economy.wealth import read_distribution
from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.general import QuantityObjective
from pacesetter.leaders.registry import OBJECTIVES_BY_QUANTITY
from pacesetter.leaders.search.analytic import AnalyticLeader
from pacesetter.leaders.search.feasible import FeasibleSet
from pacesetter.leaders.search.grid import GridLeader
from pacesetter.leaders.search.random_search import RandomLeader

COPIES, YEARS = 3, 4
SEEDS = st.integers(0, 2**40)
SIZES = st.integers(2, 30)
RULES = st.sampled_from(["hsv", "flat", "none", "us_federal", "saez"])
FEW = settings(max_examples=40, deadline=None)


def years(market, seed, low=(0.0, 0.01), high=(0.99, 1.0)):
    """States before and after, and steps, of a short play with θ over the whole box."""
    generator = np.random.default_rng(seed)
    theta = market.characteristics.draw(generator, COPIES)
    state = market.reset(seed % 2**32, COPIES, theta)
    for _ in range(YEARS):
        chosen = generator.uniform(low, high, (COPIES, market.households, 2))
        step = market.step(state, {"household": chosen})
        yield state, step
        state = step.state


def close(found, expected, scale):
    np.testing.assert_array_less(np.abs(found - expected), 1e-9 * scale + 1e-300)


# Closed accounting --------------------------------------------------------------------------------


@FEW
@given(
    seed=SEEDS, households=SIZES, rule=RULES, budget=st.sampled_from(["rebate", "discard", "spend"])
)
def test_closed_budgets_and_resources(seed, households, rule, budget):
    market = make("household_economy", households=households, tax_rule=rule, budget=budget)
    for before, step in years(market, seed):
        q, after = step.quantities, step.state
        # What is earned and held is consumed, saved, spent by the government, or thrown away.
        resources = (after.income.sum(axis=1) + before.wealth.sum(axis=1)) / households
        used = q["consumption"] + after.wealth.sum(axis=1) / households + q["government_spending"]
        scale = resources + np.abs(q["tax_revenue"])
        close(used + q["budget_balance"], resources, scale)
        if budget == "discard":
            close(q["budget_balance"], q["tax_revenue"], scale)
            assert (q["transfer"] == 0).all()
        else:
            close(q["budget_balance"], 0.0, scale)
            close(q["transfer"] + q["government_spending"], q["tax_revenue"], scale)
        if budget == "rebate":
            assert (q["government_spending"] == 0).all()
        if budget == "spend":
            assert (q["transfer"] <= 0).all() and (q["government_spending"] >= 0).all()


@FEW
@given(seed=SEEDS, households=SIZES, level=st.floats(0, 0.3), excess=st.floats(0.1, 0.6))
def test_a_levy_leaves_everybody_something(seed, households, level, excess):
    market = make("household_economy", households=households)
    theta = [level, level + excess, level, level + excess]
    state = market.reset(seed % 2**32, COPIES, theta)
    half = {"household": np.full((COPIES, households, 2), 0.5)}
    for _ in range(YEARS):
        step = market.step(state, half)
        kept = 2.0 * step.state.wealth  # half is saved
        mean = (step.state.income.sum(axis=1) + state.wealth.sum(axis=1)) / households
        close(kept.mean(axis=1), mean, mean + np.abs(step.quantities["transfer"]))
        scale = mean + np.abs(step.quantities["transfer"])
        least = np.minimum(0.01 * mean, step.quantities["disposable_income"].min(axis=1))
        assert (kept.min(axis=1) >= least - 1e-9 * scale).all()
        state = step.state


# The full accounting ------------------------------------------------------------------------------


@FEW
@given(seed=SEEDS, households=SIZES, rule=RULES)
def test_full_accounting_closes(seed, households, rule):
    """Goods: K' = Y − C − G + (1 − δ) K. Government: B' = (1 + r) B + G − taxes."""
    market = make("household_economy", households=households, accounting="taxai", tax_rule=rule)
    unit = 1e6 * households
    for before, step in years(market, seed, low=(0.9, 0.2), high=(0.99, 0.5)):
        q, after = step.quantities, step.state
        goods = q["gdp"] - q["consumption"] - q["government_spending"]
        scale = (before.capital + np.abs(before.debt) + before.wealth.sum(axis=1)) / unit
        close(after.capital / unit, goods + 0.94 * before.capital / unit, scale)
        owed = 1.04 * before.debt / unit + q["government_spending"] - q["tax_revenue"]
        close(after.debt / unit, owed, scale)
        close(q["budget_balance"], (before.debt - after.debt) / unit, scale)
        # Households' own budget: income and wealth go to taxes, consumption and wealth.
        held = (before.wealth.sum(axis=1) + after.income.sum(axis=1)) / unit
        close(q["consumption"] + q["tax_revenue"] + after.wealth.sum(axis=1) / unit, held, scale)


# Both ---------------------------------------------------------------------------------------------


@FEW
@given(seed=SEEDS, accounting=st.sampled_from(["closed", "taxai"]), rule=RULES, data=st.data())
def test_households_are_exchangeable(seed, accounting, rule, data):
    market = make("household_economy", households=6, accounting=accounting, tax_rule=rule)
    order = np.array(data.draw(st.permutations(range(6))))
    generator = np.random.default_rng(seed)
    theta = market.characteristics.draw(generator, 1)
    shocks = {
        name: generator.random((1, *shock.shape)) for name, shock in market.reset_shocks.items()
    }
    state = market.reset(0, 1, theta)

    def begun(permutation):
        drawn = {name: value[:, permutation] for name, value in shocks.items()}
        fields = market.initial(state.theta, drawn)
        return type(state)(**{**vars(state), **fields})

    one, other = begun(np.arange(6)), begun(order)
    for _ in range(3):
        chosen = generator.uniform([0.9, 0.2], [0.97, 0.5], (1, 6, 2))
        drawn = {n: generator.random((1, *s.shape)) for n, s in market.step_shocks.items()}
        step = market.transition(one, {"household": chosen}, drawn)
        drawn = {name: value[:, order] for name, value in drawn.items()}
        permuted = market.transition(other, {"household": chosen[:, order]}, drawn)
        one, other = step.state, permuted.state
        rewards = step.rewards["household"][:, order]
        np.testing.assert_allclose(permuted.rewards["household"], rewards, rtol=1e-9)
        seen = market.observe(one)["household"][:, order]
        np.testing.assert_allclose(market.observe(other)["household"], seen, atol=1e-5)
        for name, value in step.quantities.items():
            value = value[:, order] if value.ndim == 2 else value
            np.testing.assert_allclose(permuted.quantities[name], value, rtol=1e-9, atol=1e-12)


@FEW
@given(seed=SEEDS, households=SIZES, accounting=st.sampled_from(["closed", "taxai"]))
def test_observations_are_of_order_one(seed, households, accounting):
    market = make("household_economy", households=households, accounting=accounting)
    for _, step in years(market, seed, low=(0.9, 0.2), high=(0.97, 0.5)):
        assert np.abs(market.observe(step.state)["household"]).max() < 15
        assert np.abs(market.leader_observe(step.state)).max() < 15
        assert np.abs(step.rewards["household"]).max() < 15


@FEW
@given(seed=SEEDS, households=SIZES, factor=st.floats(1e-6, 1e6))
def test_inequality_has_no_unit_and_no_order(seed, households, factor):
    generator = np.random.default_rng(seed)
    amounts = generator.lognormal(0, 2, (2, households))
    shuffled = generator.permutation(amounts, axis=1) * factor
    np.testing.assert_allclose(gini(shuffled), gini(amounts), atol=1e-12)
    curve = lorenz_curve(amounts)
    np.testing.assert_allclose(lorenz_curve(shuffled), curve, atol=1e-12)
    assert (np.diff(curve, n=2, axis=1) >= -1e-12).all()
    assert (gini(amounts) >= 0).all() and (gini(amounts) <= 1 - 1 / households).all()


def test_the_end_shows_how_much_is_left():
    market = make("household_economy", households=2, periods=4, horizon="end")
    state = market.reset(0, 1)
    for left in (4, 3, 2, 1):
        seen = market.observe(state)["household"][:, :, 5]
        np.testing.assert_allclose(seen, 1.0 / left, rtol=1e-6)
        step = market.step(state, {"household": np.full((1, 2, 2), 0.5)})
        state = step.state
    assert step.terminated.all() and not step.truncated.any()


@pytest.mark.parametrize("objective", OBJECTIVES_BY_QUANTITY)
def test_objectives_of_a_government(objective):
    market = make("household_economy", households=4)
    sign, _ = OBJECTIVES_BY_QUANTITY[objective]
    chosen = QuantityObjective(objective, sign)
    measure = chosen.measure(market, 2)
    recorded = [measure.record(step)[objective] for _, step in years(market, 1)][:2]
    value = measure.value({objective: np.stack(recorded, axis=1)})
    np.testing.assert_allclose(value, sign * (recorded[0] + recorded[1]))
    with pytest.raises(PacesetterError, match="unknown path quantity of market 'duopoly'"):
        chosen.measure(make("duopoly"), 1)


# Constraints on θ ---------------------------------------------------------------------------------

LITERAL = {"households": 3, "budget": "discard"}
PAYS_OUT = {"income_tax_level": 0.2, "income_tax_progressivity": 0.3}


def test_theta_that_pays_out_needs_a_budget():
    market = make("household_economy", **LITERAL)
    message = r"must keep \+1·income_tax_progressivity -1·income_tax_level ≤ 0.*set budget to 'reb"
    with pytest.raises(PacesetterError, match=message):
        market.reset(0, 1, PAYS_OUT)
    with pytest.raises(PacesetterError, match="progressivity 0"):
        market.set_characteristics(market.reset(0, 2), PAYS_OUT)
    make("household_economy", households=3).reset(0, 1, PAYS_OUT)


def test_leaders_keep_the_constraints_of_a_market():
    space = make("household_economy", **LITERAL).characteristics
    generator = np.random.default_rng(0)
    assert space.allows(space.draw(generator, 500)).all()
    feasible = FeasibleSet(space)
    assert space.allows(feasible.theta(feasible.draw(generator, 500))).all()
    assert space.allows(RandomLeader().search(space, 0).propose(200)).all()
    with pytest.raises(PacesetterError, match="a grid cannot keep the constraints"):
        GridLeader().search(space, 0)
    actions = generator.uniform(-1, 1, (200, 4))
    theta = space.from_action(actions)
    assert space.allows(theta).all()
    # The nearest point: the mean of a pair that breaks its constraint, and nothing else moved.
    free = space.from_unit((actions + 1) / 2)
    pairs, moved = free.reshape(-1, 2), theta.reshape(-1, 2)
    broken = pairs[:, 1] > pairs[:, 0]
    np.testing.assert_allclose(
        moved[broken], np.repeat(pairs[broken].mean(axis=1), 2).reshape(-1, 2)
    )
    np.testing.assert_allclose(moved[~broken], pairs[~broken])
    with pytest.raises(PacesetterError, match="on a box cannot keep the constraints"):
        AnalyticLeader().search(space, 0)
    pays_out = AnalyticLeader(
        distribution="discrete",
        points=[{"income_tax_progressivity": 0.4}],  # more progressivity than level
        probabilities=[1.0],
    )
    with pytest.raises(PacesetterError, match="must keep"):
        pays_out.search(space, 0)


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"households": 1}, "households must be >= 2, got 1"),
        ({"periods": 0}, "periods must be >= 1, got 0"),
        ({"periods": 2.5}, "periods must be a whole number >= 1, got 2.5"),
        ({"accounting": "closd"}, "unknown accounting 'closd'; did you mean 'closed'"),
        ({"tax_rule": "us_federa"}, "unknown tax_rule 'us_federa'; did you mean 'us_federal'"),
        ({"budget": "rebates"}, "unknown budget 'rebates'; did you mean 'rebate'"),
        ({"horizon": "stop"}, "unknown horizon 'stop'"),
        ({"taxable_income_elasticity": 0.0}, "must be > 0, got 0.0: estimates lie near"),
        ({"accounting": "taxai", "budget": "spend"}, "budget has no meaning with accounting"),
        ({"household_reward": "bounded"}, "set accounting to 'taxai'"),
        ({"wealth_file": "no_such.csv"}, "cannot read the wealth file no_such.csv"),
    ],
)
def test_refuses_bad_options(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("household_economy", **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("WGT,ASSETS\n1,2\n", "unknown column, needed in .*, 'ASSET'; did you mean 'ASSETS'"),
        ("ASSET\n2\n", "unknown column, needed in .*, 'WGT'"),
        ("WGT,ASSET\n1,2\n0,3\n", ":3: WGT must be a positive number, got '0'"),
        ("WGT,ASSET\n-1,3\n", ":2: WGT must be a positive number"),
        ("WGT,ASSET\n1,nan\n", ":2: ASSET must be a number of dollars, 0 or more, got 'nan'"),
        ("WGT,ASSET\n1,\n", ":2: ASSET must be"),
        ("WGT,ASSET\n1\n", ":2: ASSET must be"),
        ("WGT,ASSET\n1,-5\n", ":2: ASSET must be"),
        ("WGT,ASSET\n", "holds no households"),
        ("", "unknown column"),
    ],
)
def test_refuses_bad_wealth_files(tmp_path, text, message):
    path = tmp_path / "wealth.csv"
    path.write_text(text)
    with pytest.raises(PacesetterError, match=message):
        make("household_economy", wealth_file=str(path))


def test_a_wealth_file_of_the_users_own(tmp_path):
    path = tmp_path / "wealth.csv"
    path.write_text("ID,ASSET,WGT\n1,100,3\n2,500,1\n")
    weighted, sampled = read_distribution(path), read_distribution(path, weighted=False)
    levels = np.array([0.0, 0.37, 0.625, 0.999999])
    np.testing.assert_allclose(weighted.at(np, levels), [100, 100, 300, 500], rtol=1e-3)
    np.testing.assert_allclose(sampled.at(np, levels)[[0, 3]], [100, 500], rtol=1e-3)
    assert weighted.mean < sampled.mean
    state = make("household_economy", accounting="taxai", wealth_file=str(path)).reset(0, 5)
    assert ((state.wealth >= 100) & (state.wealth <= 500)).all()


def test_refuses_bad_arguments_of_the_saving_rule():
    for arguments in ((1.0, None, 0.0), (0.9, -1, 0.0), (0.9, 3, 1.0)):
        with pytest.raises(PacesetterError, match="saving_share needs"):
            saving_share(*arguments)
