"""PPO in a single file on the vector view, in the manner of CleanRL: plain torch, nothing hidden.

The market maker learns what spread to quote for every preference ω between market share and profit
at once: θ is drawn anew for every episode of every copy. Its best quotes are computed by the
market, so that the end of this file says how much of what can be earned is earned.
"""

import time
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from torch import nn
from torch.distributions import Normal

import pacesetter  # noqa: F401 - makes the markets known to Gymnasium


@dataclass
class Arguments:
    """What may be tuned; γ = 0, as nothing that the maker does moves the price."""

    seed: int = 0
    copies: int = 64
    steps: int = 100
    iterations: int = 200
    epochs: int = 4
    minibatches: int = 2
    learning_rate: float = 2e-3
    clip: float = 0.2
    value_weight: float = 0.5
    first_deviation: float = 0.2
    last_deviation: float = 0.06


def layer(inputs: int, outputs: int, gain: float = 2**0.5) -> nn.Linear:
    """Orthogonal weights, zero biases."""
    made = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(made.weight, gain)
    nn.init.zeros_(made.bias)
    return made


def network(inputs: int) -> nn.Sequential:
    """64 × 64 and one number."""
    return nn.Sequential(
        layer(inputs, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, 1, gain=0.01)
    )


def train(args: Arguments):
    """The actor, and the environment that it was trained in."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    env = gymnasium.make_vec(
        "pacesetter/market_maker-v0",
        num_envs=args.copies,
        theta="drawn",
        initial_price="stationary",
    )
    low, high = env.single_action_space.low, env.single_action_space.high
    actor, critic = (network(env.single_observation_space.shape[0]) for _ in range(2))
    parameters = [*actor.parameters(), *critic.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=args.learning_rate, eps=1e-5)
    shape = (args.steps, args.copies)
    observations = torch.zeros(*shape, *env.single_observation_space.shape)
    actions, logs, rewards = torch.zeros(*shape, 1), torch.zeros(shape), torch.zeros(shape)
    seen, _ = env.reset(seed=args.seed)

    for iteration in range(args.iterations):
        done = iteration / args.iterations
        deviation = args.first_deviation * (args.last_deviation / args.first_deviation) ** done
        optimiser.param_groups[0]["lr"] = args.learning_rate * (1 - done) + 1e-4 * done
        for step in range(args.steps):
            observations[step] = torch.from_numpy(seen)
            with torch.no_grad():
                policy = Normal(actor(observations[step]), deviation)
                actions[step] = policy.sample()
                logs[step] = policy.log_prob(actions[step]).sum(-1)
            quoted = low + (actions[step].clamp(-1, 1).numpy() + 1) / 2 * (high - low)
            seen, reward, _, _, _ = env.step(quoted)
            rewards[step] = torch.from_numpy(reward)

        batch = [x.reshape(-1, *x.shape[2:]) for x in (observations, actions, logs, rewards)]
        with torch.no_grad():
            advantages = batch[3] - critic(batch[0]).squeeze(-1)
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        for _ in range(args.epochs):
            for rows in torch.randperm(len(batch[0])).chunk(args.minibatches):
                o, a, old, r = (x[rows] for x in batch)
                log = Normal(actor(o), deviation).log_prob(a).sum(-1)
                ratio, advantage = (log - old).exp(), advantages[rows]
                clipped = ratio.clamp(1 - args.clip, 1 + args.clip)
                loss = -torch.min(ratio * advantage, clipped * advantage).mean()
                loss = loss + args.value_weight * (critic(o).squeeze(-1) - r).square().mean()
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 0.5)
                optimiser.step()
        if iteration % 20 == 19:
            print(f"{iteration + 1}/{args.iterations}  reward {rewards.mean():.4f}", flush=True)
    return actor, env


@torch.no_grad()
def share_of_the_best(actor, env) -> np.ndarray:
    """Expected reward over that of the best quotes, at 21 preferences, ``(21,)``."""
    market = env.unwrapped.copies.market
    best, shares = market.best_quotes, []
    high = float(env.single_action_space.high[0])
    for weight in np.linspace(0.0, 1.0, 21):
        # What the maker would see at every price of the solver's grid, under this preference.
        told = market.observe(market.reset(0, 1, [weight]))["market_maker"][0, 0, -1]
        scaled = best.deviations / market.prices.stationary_deviation
        rows = np.stack([scaled, np.full_like(scaled, told)], axis=1).astype(np.float32)
        spread = (actor(torch.from_numpy(rows)).clamp(-1, 1).numpy()[:, 0] + 1) / 2 * high
        ideal = best.half_spread(best.deviations, weight)
        shares.append(best.means(spread, weight)["reward"] / best.means(ideal, weight)["reward"])
    return np.array(shares)


if __name__ == "__main__":
    began, processor = time.perf_counter(), time.process_time()
    shares = share_of_the_best(*train(Arguments()))
    spent = time.perf_counter() - began
    print(f"{spent:.0f} s ({time.process_time() - processor:.0f} s of one core)")
    print(f"share of the best reward: mean {shares.mean():.4f}, least {shares.min():.4f}")
    assert shares.mean() >= 0.97
