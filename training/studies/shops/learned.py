"""What shops and customers have learned, read off their policies: prices, levels of stock, choices.

Prices are those of the most likely action once a play has settled. What they are worth is not
sampled: shares and profits at given prices are computed from the law of choice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import qmc

from ....envs.shops.customers import chances
from ....envs.shops.market import Shops
from ....envs.shops.pricing import Outcome
from ....envs.shops.view import CUSTOMER
from ...policies.policies import Trained

Floats = NDArray[np.float64]
SETTLING_STEPS = 12
HELD_OUT_POWER = 4  # of two; the first twelve points are used
HELD_OUT = 12
RISES = {"-10%": 0.9, "+10%": 1.1}


def settled(trained: Trained, theta: Floats, copies: int = 1, greedy: bool = True) -> Any:
    """The market's state after some steps under θ, ``(d,)``, and the last step's quantities."""
    market = trained.experiment.market
    state = market.reset(trained.experiment.evaluation.seed, copies, theta)
    generator = torch.Generator().manual_seed(trained.experiment.evaluation.seed)
    quantities: dict[str, Any] = {}
    for _ in range(SETTLING_STEPS):
        step = market.step(state, trained.policies.act(state, generator, greedy))
        state, quantities = step.state, step.quantities
    return state, quantities


def learned_outcome(trained: Trained, theta: Floats) -> Outcome:
    """The learned prices under θ and what the law of choice makes of them."""
    market = trained.experiment.market
    assert isinstance(market, Shops)
    _, quantities = settled(trained, theta)
    return market.competition(theta).outcome(np.asarray(quantities["price"][0]))


def held_out(market: Shops) -> Floats:
    """Characteristics that nobody was trained on in particular, spread evenly, ``(12, d)``."""
    space = market.characteristics
    unit = qmc.Sobol(len(space), scramble=False).random_base2(HELD_OUT_POWER)[1 : HELD_OUT + 1]
    return space.from_unit(unit)


def conditional_errors(trained: Trained) -> tuple[dict[str, float], dict[str, Floats]]:
    """Learned against computed prices and shares at held-out θ, as figures and as arrays."""
    market = trained.experiment.market
    assert isinstance(market, Shops)
    tested = held_out(market)
    learned = [learned_outcome(trained, theta) for theta in tested]
    exact = [market.competition(theta).equilibrium(_held(market, theta)) for theta in tested]
    prices = np.array([one.price for one in learned]), np.array([one.price for one in exact])
    shares = [np.array([one.market_share for one in group]) for group in (learned, exact)]
    own = slice(0, market.agents)
    regret = np.array([_regret(market, *pair) for pair in zip(tested, learned, strict=True)])
    relative = np.abs(prices[0] / prices[1] - 1.0)[:, own]
    results = {
        "held_out/price_error_mean": float(relative.mean()),
        "held_out/price_error_largest": float(relative.max()),
        "held_out/regret_mean": float(regret.mean()),
        "held_out/regret_largest": float(regret.max()),
        "held_out/share_error_mean": float(np.abs(shares[0] - shares[1]).mean()),
        "held_out/share_error_largest": float(np.abs(shares[0] - shares[1]).max()),
    }
    arrays = {"held_out/learned": prices[0][:, own], "held_out/computed": prices[1][:, own]}
    return results, arrays


def _regret(market: Shops, theta: Floats, learned: Outcome) -> Floats:
    """What each learning shop's best answer to the others would add, share of its profit, (N,)."""
    game = market.competition(theta)
    gains = []
    for shop in range(market.agents):
        prices = learned.price.copy()
        prices[shop] = game.best_response(shop, learned.price)
        gains.append(game.outcome(prices).profit[shop] / learned.profit[shop] - 1.0)
    return np.array(gains)


def _held(market: Shops, theta: Floats) -> dict[int, float]:
    """Prices that are no shop's to choose: that of θ."""
    return {market.shops - 1: float(theta[0])} if market.agents < market.shops else {}


def at_the_answer(trained: Trained) -> dict[str, float]:
    """Prices and profits under the run's θ beside the computed ones, and how collusive they are."""
    market = trained.experiment.market
    assert isinstance(market, Shops)
    game = market.competition(trained.theta)
    learned = learned_outcome(trained, trained.theta)
    exact = game.equilibrium(_held(market, trained.theta))
    own = slice(0, market.agents)
    found = {
        "price": float(learned.price[own].mean()),
        "computed/price": float(exact.price[own].mean()),
        "price_error": float(np.abs(learned.price / exact.price - 1.0)[own].max()),
        "profit": float(learned.profit[own].mean()),
        "computed/profit": float(exact.profit[own].mean()),
        "nothing_share": learned.nothing,
    }
    if market.agents == market.shops:
        joint, nash = game.joint().profit.mean(), exact.profit.mean()
        if joint > nash:
            found["collusion"] = float((learned.profit.mean() - nash) / (joint - nash))
    else:
        found["rival_profit"] = float(learned.profit[-1])
    return found


def counterfactuals(trained: Trained) -> dict[str, float]:
    """The last shop's share and profit, and the others' prices, if its price fell or rose by 10 %.

    ``nobody``: customers choose as before; ``customers``: they answer, by the law of choice, and
    the other shops keep their prices; ``all``: these answer as they have learned to.
    """
    market = trained.experiment.market
    assert isinstance(market, Shops)
    game = market.competition()
    exact = game.equilibrium()
    base = learned_outcome(trained, exact.price[-1:])
    found = {"counterfactual/base/share": float(base.market_share[-1])}
    for label, factor in RISES.items():
        price = factor * float(exact.price[-1])
        prices = np.append(base.price[:-1], price)
        cases = {
            "nobody": game.unmoved(base, prices),
            "customers": game.outcome(prices),
            "all": learned_outcome(trained, np.array([price])),
        }
        computed = game.counterfactual(market.shops - 1, price)
        name = f"counterfactual/{label}"
        for case, outcome in cases.items():
            found |= _beside(f"{name}/{case}", outcome, computed[case])
        change = float(cases["all"].profit[-1] / base.profit[-1]) - 1.0
        truth = float(computed["all"].profit[-1] / exact.profit[-1]) - 1.0
        rivals = cases["all"].price[:-1] - computed["all"].price[:-1]
        found |= {
            f"{name}/profit_change": change,
            f"{name}/computed_profit_change": truth,
            f"{name}/sign_right": float(np.sign(change) == np.sign(truth)),
            f"{name}/rival_price_error": float(np.abs(rivals).max()),
        }
    return found


def _beside(name: str, learned: Outcome, computed: Outcome) -> dict[str, float]:
    """Share and profit of the last shop, learned and computed."""
    share, exact = float(learned.market_share[-1]), float(computed.market_share[-1])
    return {
        f"{name}/share": share,
        f"{name}/computed_share": exact,
        f"{name}/share_error": abs(share - exact),
        f"{name}/profit": float(learned.profit[-1]),
        f"{name}/computed_profit": float(computed.profit[-1]),
    }


def choice_errors(trained: Trained) -> dict[str, float]:
    """Largest and mean distance of learned choice probabilities from the law of choice."""
    market = trained.experiment.market
    assert isinstance(market, Shops)
    state, _ = settled(trained, trained.theta, copies=trained.experiment.evaluation.copies)
    seen = np.asarray(market.observe(state)[CUSTOMER])
    learned = trained.policies.probabilities(CUSTOMER, seen.reshape(-1, seen.shape[-1]))
    learned = learned.reshape(*seen.shape[:2], -1)
    edges = market.terms.edges(state)
    utility = market.terms.utilities(state)
    cost = market.terms.term(state.theta, "information_cost")
    exact = chances(np, utility, edges, cost)
    # Choosing a shop out of reach is buying nothing.
    error = np.abs(learned[..., :-1] * edges - exact)
    return {"choice_error": float(error.mean()), "choice_error_largest": float(error.max())}


def stocking(trained: Trained) -> dict[str, float]:
    """Mean reward of stocking beside the best, and the level that is ordered up to."""
    market = trained.experiment.market
    assert isinstance(market, Shops)
    best = market.stocking(1.0, (market.fixed_prices or (0.0,))[0], trained.theta)
    state = market.reset(
        trained.experiment.evaluation.seed, trained.experiment.evaluation.copies, trained.theta
    )
    generator = torch.Generator().manual_seed(trained.experiment.evaluation.seed)
    rewards, levels = [], []
    for time in range(market.steps_per_episode):
        step = market.step(state, trained.policies.act(state, generator, greedy=True))
        state = step.state
        if time >= SETTLING_STEPS:
            rewards.append(step.rewards["shop"].mean())
            levels.append(step.quantities["stock"].mean())
    unit = market.customers * market.mean_need
    value = unit * float(np.mean(rewards))
    return {
        "value": value,
        "computed/value": float(best.value[best.best]),
        "value_share": value / float(best.value[best.best]),
        "order_up_to": float(np.mean(levels)),
        "computed/order_up_to": float(best.best),
        "order_up_to_error": abs(float(np.mean(levels)) - best.best),
    }
