"""Stable-Baselines3 on a market: one policy for all producers of all copies.

Needs ``pip install 'pacesetter[sb3]'``. In the cobweb market six producers forecast a price that
their forecasts make; what they earn falls with the error, and the rational forecast is 5.91.
"""

import numpy as np
import torch
from stable_baselines3 import PPO

import pacesetter

torch.set_num_threads(1)
env = pacesetter.sb3_env("cobweb", copies=32, theta={"mean_information_cost": 0.0})
print(f"{env.num_envs} rows: 32 copies × 6 producers, stepped at once")
model = PPO(
    "MlpPolicy", env, n_steps=50, batch_size=2400, n_epochs=4, gamma=0.0, learning_rate=2e-3, seed=0
)
model.learn(60 * env.num_envs * 50)

view = pacesetter.vector_env("cobweb", copies=32, theta={"mean_information_cost": 0.0})
observations, _ = view.reset(seed=100)
prices = []
for _ in range(50):
    actions, _ = model.predict(observations, deterministic=True)
    observations, rewards, _, _, infos = view.step(actions)
    prices.append(infos["price"].mean())
print(f"mean price of the last 20 steps: {np.mean(prices[-20:]):.3f}, rational: 5.910")
assert abs(np.mean(prices[-20:]) - 5.91) < 0.25
