"""The duopoly's table: the leader ends at Stackelberg, and at Cournot if θ is hidden."""

from __future__ import annotations

from ..claims import Claim, Reproduction, Trial

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


def duopoly() -> Reproduction:
    """Every leader, with one, two and five followers, and the ablation."""
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
