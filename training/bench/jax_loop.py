"""A PPO whose whole iteration is one compiled JAX program: the yardstick for how fast one can be.

Written in the manner of PureJaxRL (Lu et al. 2022, "Discovered Policy Optimisation"): sampling,
advantages, epochs and minibatches are scans in one function, so that nothing but arithmetic is
left. It plays the very transitions of a market, which are written for any array namespace; the
networks, the loss, the epochs and the minibatches are those of the array route.

JAX is no dependency of the suite. This file runs in an environment that has it, as a process that
carries out iterations when it is told to on its standard input::

    python -m pacesetter.training.bench.jax_loop '{"market": "cobweb", "copies": 64, "steps": 50}'
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.spaces import Discrete

from ...envs.registry import make

CLIP, SMALL = 0.2, 1e-8
BETA_1, BETA_2 = 0.9, 0.999
NO_STREAMS: dict[str, Any] = {"step_stream": None, "reset_stream": None}


@dataclass(frozen=True)
class Task:
    """What is trained; names as in an experiment.

    Attributes:
        market: name of the market.
        options: of the market.
        copies, steps: of an iteration, B and T.
        hidden_layers, epochs, minibatch_size, learning_rate, discount, gae_lambda,
            entropy_coefficient, gradient_clip, initial_action_deviation: of the followers.
        seed: of everything.
    """

    market: str
    copies: int
    steps: int
    options: dict[str, Any]
    hidden_layers: tuple[int, ...] = (64, 64)
    epochs: int = 2
    minibatch_size: int = 1024
    learning_rate: float = 1e-3
    discount: float = 0.99
    gae_lambda: float = 0.95
    entropy_coefficient: float = 0.0
    gradient_clip: float = 0.5
    initial_action_deviation: float = 0.5
    seed: int = 0


class Loop:
    """PPO on the one group of followers of a market, under θ drawn from the prior."""

    def __init__(self, task: Task):
        self.task = task
        self.market = make(task.market, **task.options)
        (self.group,) = self.market.groups
        self.discrete = isinstance(self.group.action_space, Discrete)
        box = self.group.action_space
        self.actions = int(box.n) if isinstance(box, Discrete) else box.shape[0]
        self.low: Any = 0.0 if isinstance(box, Discrete) else box.low
        self.high: Any = 0.0 if isinstance(box, Discrete) else box.high
        rows = task.copies * task.steps * self.group.size
        self.minibatches = max(1, rows // task.minibatch_size)
        self.used = rows // self.minibatches * self.minibatches  # of each epoch's permutation
        key = jax.random.key(task.seed)
        key, own = jax.random.split(key)
        parameters = self._initial_parameters(own)
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        key, own = jax.random.split(key)
        self.carry = (parameters, (zeros, zeros, 0.0), self._begin(own), key)
        self._iterate = jax.jit(self._iteration)

    def iterate(self) -> float:
        """One iteration; the mean reward per step and follower."""
        self.carry, reward = self._iterate(self.carry)
        return float(jax.block_until_ready(reward))

    # Networks -----------------------------------------------------------------------------------

    def _initial_parameters(self, key: Any) -> dict[str, Any]:
        inputs = self.group.observation_space.shape[0]
        keys = iter(jax.random.split(key, 2 * (len(self.task.hidden_layers) + 1)))

        def network(outputs: int) -> list[Any]:
            widths = [inputs, *self.task.hidden_layers, outputs]
            gains = [2.0**0.5] * len(self.task.hidden_layers) + [0.01]
            return [
                (jax.nn.initializers.orthogonal(gain)(next(keys), (a, b)), jnp.zeros(b))
                for a, b, gain in zip(widths, widths[1:], gains, strict=False)
            ]

        parameters = {"actor": network(self.actions), "critic": network(1)}
        if not self.discrete:
            start = np.log(self.task.initial_action_deviation)
            parameters["log_deviation"] = jnp.full(self.actions, start)
        return parameters

    @staticmethod
    def _evaluate(layers: list[Any], values: Any) -> Any:
        for weights, biases in layers[:-1]:
            values = jnp.tanh(values @ weights + biases)
        weights, biases = layers[-1]
        return values @ weights + biases

    def _likelihood(self, parameters: Any, seen: Any, actions: Any) -> tuple[Any, Any]:
        """Log-probability and entropy, ``(n,)``."""
        outputs = self._evaluate(parameters["actor"], seen)
        if self.discrete:
            logs = jax.nn.log_softmax(outputs)
            chosen = jnp.take_along_axis(logs, actions[:, None], axis=1)[:, 0]
            return chosen, -(jnp.exp(logs) * logs).sum(-1)
        spread = parameters["log_deviation"]
        missed = (actions - outputs) * jnp.exp(-spread)
        constant = 0.5 * jnp.log(2.0 * jnp.pi)
        chosen = (-0.5 * missed * missed - spread - constant).sum(-1)
        return chosen, (spread + constant + 0.5).sum() + 0.0 * chosen

    def _draw(self, parameters: Any, seen: Any, key: Any) -> Any:
        outputs = self._evaluate(parameters["actor"], seen)
        if self.discrete:
            return jax.random.categorical(key, outputs)
        spread = jnp.exp(parameters["log_deviation"])
        return outputs + spread * jax.random.normal(key, outputs.shape)

    def _to_market(self, actions: Any) -> Any:
        if self.discrete:
            return actions
        return self.low + (jnp.clip(actions, -1.0, 1.0) + 1.0) * 0.5 * (self.high - self.low)

    # The market ---------------------------------------------------------------------------------

    def _shocks(self, declared: Any, key: Any) -> dict[str, Any]:
        keys = jax.random.split(key, max(len(declared), 1))
        draw = {"normal": jax.random.normal, "uniform": jax.random.uniform}
        return {
            name: draw[shock.kind](own, (self.task.copies, *shock.shape))
            for own, (name, shock) in zip(keys, declared.items(), strict=False)
        }

    def _begin(self, key: Any) -> dict[str, Any]:
        """Arrays of a new state in every copy, under θ drawn from the prior."""
        for_theta, for_shocks = jax.random.split(key)
        space = self.market.characteristics
        share = jax.random.uniform(for_theta, (self.task.copies, len(space)))
        theta = jnp.asarray(space.low) + share * jnp.asarray(space.high - space.low)
        shocks = self._shocks(self.market.reset_shocks, for_shocks)
        clock = jnp.zeros(self.task.copies, dtype=jnp.int32)
        return {"theta": theta, "clock": clock, **self.market.initial(theta, shocks)}

    def _state(self, arrays: dict[str, Any]) -> Any:
        return self.market.state_type(**arrays, **NO_STREAMS)

    def _step(self, parameters: Any, arrays: dict[str, Any], key: Any) -> tuple[Any, Any]:
        keys = jax.random.split(key, 3)
        state = self._state(arrays)
        seen = self.market.observe(state)[self.group.name]
        rows = seen.reshape(-1, seen.shape[-1])
        drawn = self._draw(parameters, rows, keys[0])
        actions = self._to_market(drawn).reshape(
            self.task.copies, self.group.size, *self.group.action_space.shape
        )
        shocks = self._shocks(self.market.step_shocks, keys[1])
        step = self.market.transition(state, {self.group.name: actions}, shocks)
        ended = step.terminated | step.truncated
        final = self.market.observe(step.state)[self.group.name].reshape(rows.shape)
        after = {f.name: getattr(step.state, f.name) for f in fields(step.state)}
        fresh = self._begin(keys[2])
        arrays = {
            name: jnp.where(ended.reshape(-1, *[1] * (value.ndim - 1)), value, after[name])
            for name, value in fresh.items()
        }
        agents = self.group.size
        record = {
            "seen": rows,
            "final": final,
            "actions": drawn,
            "rewards": step.rewards[self.group.name].reshape(-1).astype(jnp.float32),
            "terminated": jnp.repeat(step.terminated, agents),
            "ended": jnp.repeat(ended, agents),
        }
        return arrays, record

    # An iteration -------------------------------------------------------------------------------

    def _iteration(self, carry: Any) -> tuple[Any, Any]:
        parameters, moments, arrays, key = carry
        key, for_steps, for_epochs = jax.random.split(key, 3)
        keys = jax.random.split(for_steps, self.task.steps)
        arrays, record = jax.lax.scan(partial(self._step, parameters), arrays, keys)
        batch = self._advantages(parameters, record)
        keys = jax.random.split(for_epochs, self.task.epochs)
        (parameters, moments), _ = jax.lax.scan(
            partial(self._epoch, batch), (parameters, moments), keys
        )
        return (parameters, moments, arrays, key), record["rewards"].mean()

    def _advantages(self, parameters: Any, record: Any) -> dict[str, Any]:
        task = self.task
        values = self._evaluate(parameters["critic"], record["seen"])[..., 0]
        following = jnp.concatenate(
            [values[1:], self._evaluate(parameters["critic"], record["final"][-1:])[..., 0]]
        )
        # Only the last steps of episodes need another look-up; a compiled program cannot choose.
        cut = record["ended"] & ~record["terminated"]
        looked_up = jax.lax.cond(
            cut[:-1].any(),
            lambda: self._evaluate(parameters["critic"], record["final"])[..., 0],
            lambda: following,
        )
        following = jnp.where(cut, looked_up, following) * ~record["terminated"]
        errors = record["rewards"] + task.discount * following - values
        decay = task.discount * task.gae_lambda * ~record["ended"]

        def back(running: Any, now: Any) -> tuple[Any, Any]:
            running = now[0] + now[1] * running
            return running, running

        _, gained = jax.lax.scan(back, jnp.zeros_like(errors[0]), (errors, decay), reverse=True)
        flat = {
            "seen": record["seen"].reshape(-1, record["seen"].shape[-1]),
            "actions": record["actions"].reshape(-1, *record["actions"].shape[2:]),
            "targets": (gained + values).reshape(-1),
        }
        old, _ = self._likelihood(parameters, flat["seen"], flat["actions"])
        gained = gained.reshape(-1)
        standard = (gained - gained.mean()) / jnp.maximum(gained.std(), 1e-4)
        return flat | {"old": old, "advantages": standard}

    def _epoch(self, batch: Any, learned: Any, key: Any) -> tuple[Any, None]:
        order = jax.random.permutation(key, len(batch["old"]))[: self.used]
        order = order.reshape(self.minibatches, -1)
        learned, _ = jax.lax.scan(partial(self._minibatch, batch), learned, order)
        return learned, None

    def _minibatch(self, batch: Any, learned: Any, rows: Any) -> tuple[Any, None]:
        parameters, (first, second, count) = learned
        part = {name: column[rows] for name, column in batch.items()}
        slope = jax.grad(self._loss)(parameters, part)
        norm = jnp.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(slope)))
        scale = jnp.minimum(1.0, self.task.gradient_clip / (norm + 1e-6))
        slope = jax.tree.map(lambda leaf: leaf * scale, slope)
        count = count + 1.0
        first = jax.tree.map(lambda m, g: BETA_1 * m + (1.0 - BETA_1) * g, first, slope)
        second = jax.tree.map(lambda v, g: BETA_2 * v + (1.0 - BETA_2) * g * g, second, slope)
        rate = self.task.learning_rate / (1.0 - BETA_1**count)
        correction = 1.0 - BETA_2**count
        parameters = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v / correction) + SMALL),
            parameters,
            first,
            second,
        )
        return (parameters, (first, second, count)), None

    def _loss(self, parameters: Any, part: Any) -> Any:
        chosen, entropy = self._likelihood(parameters, part["seen"], part["actions"])
        ratio = jnp.exp(chosen - part["old"])
        clipped = jnp.clip(ratio, 1.0 - CLIP, 1.0 + CLIP)
        gain = jnp.minimum(ratio * part["advantages"], clipped * part["advantages"])
        missed = self._evaluate(parameters["critic"], part["seen"])[:, 0] - part["targets"]
        return (missed**2 - gain - self.task.entropy_coefficient * entropy).mean()


def main() -> int:
    """Carry out as many iterations as each line of the input says; answer with seconds.

    A line ``actor`` is answered with weights and biases of the policy's layers. Compilation is
    done before the first line, in a loop of its own: the one that is timed is untrained.
    """
    given = json.loads(sys.argv[1])
    given["hidden_layers"] = tuple(given.get("hidden_layers", (64, 64)))
    loop = Loop(Task(**{"options": {}} | given))
    start = loop.carry
    loop.iterate()
    loop.iterate()
    loop.carry = start
    print(json.dumps({"ready": jax.__version__}), flush=True)
    for line in sys.stdin:
        if line.strip() == "actor":
            layers = [[part.tolist() for part in layer] for layer in loop.carry[0]["actor"]]
            print(json.dumps({"actor": layers}), flush=True)
            continue
        wall, processor = time.perf_counter(), time.process_time()
        rewards = [loop.iterate() for _ in range(int(line))]
        print(
            json.dumps(
                {
                    "seconds": time.perf_counter() - wall,
                    "processor_seconds": time.process_time() - processor,
                    "reward": rewards[-1],
                }
            ),
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
