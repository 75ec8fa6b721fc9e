"""One calibration, iteration by iteration: warm start, training, choice among worlds, answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ...envs.core.rollouts import Laboratory, Origin, Rollouts
from ..leader import Measured
from .adversary import AdversarialFit
from .agent import AgentNetwork, Weights
from .keeping import packed, unpacked
from .likelihood import LikelihoodFit
from .metric import Metric, flow
from .options import WorldOptions
from .training import PaperTraining, Training, WitnessTraining

Floats = NDArray[np.float64]
WARM_CHOICES = 5  # points of a likelihood fit that are compared by rollouts
CHOSEN_BY = 200  # real rollouts that worlds are compared with along the way
CALIBRATED = ("witness", "algorithm1")
MOST_BURSTS = 5  # iterations in a row in which a world may burst before it is stopped


class WorldGuide:
    """What the training loop follows; see `WorldLeader`.

    Args:
        options: the leader's.
        characteristics: of the market, which stay at their defaults: θ is the weights.
        seed: of the calibration.
        iterations: of it.
    """

    def __init__(
        self, options: WorldOptions, characteristics: Characteristics, seed: int, iterations: int
    ):
        self._options, self._space, self._seed = options, characteristics, seed
        self._iterations, self._done = max(1, iterations), 0
        self._laboratory: Laboratory | None = None
        self._best: Weights = {}
        self._average: Weights = {}
        self._best_metric, self._now = np.inf, np.inf
        self._chosen_at, self._first_metric = 0, np.inf
        self._bursts = 0
        self._restored: dict[str, Any] | None = None
        self._shown: dict[str, float] = {}

    # The loop -------------------------------------------------------------------------------------

    def enter(self, laboratory: Laboratory) -> None:
        """Take the laboratory in which all that follows is played."""
        self._laboratory = laboratory
        options, seed = self._options, self._seed
        real = laboratory.real(options.real_rollouts, seed=0)
        self._real = real
        self._metric = Metric(real.take(slice(0, CHOSEN_BY)), options.feedbacks)
        origin: Origin = "start" if options.method in (*CALIBRATED, "warm_start") else "real"
        recurrent = options.method == "gan" and options.gan_generator == "lstm"
        weights = laboratory.initial(origin, seed, recurrent)
        self._network = AgentNetwork(weights, laboratory.trained(), laboratory.history)
        self._fit = self._fitting(origin)
        self._training: Training | None = None
        if self._restored is not None:
            self._go_on(self._restored)
        elif options.method in (*CALIBRATED, "warm_start"):
            self._warm_up()
        else:
            self._average = self._network.weights()
        if self._training is None and options.method in CALIBRATED:
            self._training = self._trainer()

    def _fitting(self, origin: Origin) -> LikelihoodFit | AdversarialFit:
        """The fit to recorded decisions, not yet begun."""
        assert self._laboratory is not None
        options, laboratory = self._options, self._laboratory
        decisions = laboratory.recording(origin)
        mirrored = laboratory.mirrored(decisions)
        if options.method == "gan":
            history = laboratory.history if options.gan_critic == "lstm" else None
            return AdversarialFit(
                self._network, decisions, mirrored, seed=self._seed, history=history
            )
        steps, batch = options.warm_steps, options.warm_batch
        return LikelihoodFit(
            self._network, decisions, mirrored, steps, batch, options.warm_rate, self._seed
        )

    def _trainer(self) -> Training:
        assert self._laboratory is not None
        kind: type[Training] = (
            WitnessTraining if self._options.method == "witness" else PaperTraining
        )
        return kind(self._options, self._laboratory, self._network, self._real, self._iterations)

    def _warm_up(self) -> None:
        """Maximum likelihood on the market to begin with; rollouts there choose among its fits."""
        assert self._laboratory is not None and isinstance(self._fit, LikelihoodFit)
        own = self._laboratory.begun(self._options.choosing_rollouts, seed=0)
        self._choose_fit(self._fit.step, self._options.warm_steps, Metric(own, self._metric.names))
        self._network.load(self._best)
        self._average = self._network.weights()
        self._first_metric = self._note(self._played(self._average))
        self._best, self._best_metric, self._chosen_at = self._average, self._first_metric, 0

    def _choose_fit(self, step: Callable[[int], float], steps: int, metric: Metric) -> None:
        """Fit in so many parts; the best part by rollouts is kept. Early ones are never good."""
        best = np.inf
        step(steps // 2)
        for _ in range(WARM_CHOICES):
            step(steps // (2 * WARM_CHOICES))
            weights = self._network.weights()
            value = sum(metric(self._played(weights)).values())
            if value < best:
                best, self._best = value, weights

    def _played(self, weights: Weights) -> Rollouts:
        """Rollouts that are kept apart from training and evaluation."""
        assert self._laboratory is not None
        number = self._options.choosing_rollouts
        return self._laboratory.world(weights, number, self._seed, purpose="choosing")

    def iterate(self) -> Measured:
        """One iteration; the value is minus the metric."""
        if self._training is not None:
            seed = (self._seed + 1) * 100_000 + self._done
            world = self._training.iterate(self._done, seed)
            self._average = _between(self._average, self._network.weights(), self._options.averaged)
            if world is not None:
                self._note(world)
        elif self._options.method in ("likelihood", "gan"):
            total = (
                self._options.warm_steps
                if self._options.method == "likelihood"
                else self._options.gan_steps
            )
            due = total * (self._done + 1) // self._iterations - self._fit.done
            self._shown["fit_loss"] = self._fit.step(due) if due else np.nan
            self._average = self._network.weights()
        self._done += 1
        if self._done % self._options.choose_every == 0 or self._done == self._iterations:
            self._choose()
        return Measured(self._space.default[None], np.array([-self._now]))

    def _choose(self) -> None:
        """Keep the average if it is nearer to the real market than what was kept so far.

        The real market's own traders are not asked for a fit that is to know its orders alone: of
        these the last is kept.
        """
        if self._options.method == "warm_start":
            return
        world = self._played(self._average)
        value = self._note(world)
        by_rollouts = self._options.method != "gan" and self._options.method != "algorithm1"
        if value < self._best_metric or not by_rollouts:
            self._best, self._best_metric = self._average, value
            self._chosen_at = self._done

    def _note(self, world: Rollouts) -> float:
        """Keep what is shown; refuse a world that bursts."""
        self._bursts = self._bursts + 1 if world.guarded > self._options.guard else 0
        if self._training is not None and self._bursts > MOST_BURSTS:
            raise PacesetterError(
                f"the world bursts: in iteration {self._done} its agent was again put to sleep in "
                f"{world.guarded:.0%} of the steps for acting more than 40 times as often as "
                f"recorded (leader.guard allows {self._options.guard:.0%}), at rate "
                f"{self._options.rate:g}. Lower leader.rate, or train on a longer recording, whose "
                "bins it is kept to."
            )
        found = self._metric(world)
        self._now = float(sum(found.values()))
        self._shown |= {f"mmd_{name}": value for name, value in found.items()}
        self._shown["metric"], self._shown["flow"] = self._now, flow(world, self._real)
        self._shown["guarded"] = world.guarded
        return self._now

    # The rest of a guide --------------------------------------------------------------------------

    def scalars(self) -> dict[str, float]:
        """What is shown of an iteration."""
        names = [*(f"mmd_{n}" for n in self._metric.names), "metric", "flow", "guarded"]
        if self._options.method in ("likelihood", "gan"):
            names.append("fit_loss")
        return {name: self._shown.get(name, np.nan) for name in names}

    def weights(self) -> Weights:
        """The answer."""
        return self._best or self._average

    def next_theta(self, slots: int) -> Floats:
        """The market's defaults."""
        return np.repeat(self._space.default[None], slots, axis=0)

    def question(self) -> None:
        """None: it plays in its laboratory itself."""
        return

    def learn(self, measured: Measured, last: bool) -> None:
        """All is learned in `iterate`."""

    def answer(self, acting: Callable[[], Floats]) -> Floats:
        """The market's defaults; what was learned is `weights`."""
        return np.asarray(self._space.default)

    def warnings(self) -> list[str]:
        """Where the answer may not be believed."""
        assert self._laboratory is not None
        found = list(self._laboratory.remarks())
        found += [
            f"most values of feedback {name!r} are equal in the real sample: its distances are "
            "measured by the mean of theirs, as the median is zero."
            for name in self._metric.mostly_constant
        ]
        if len(self._real) < self._options.real_rollouts:
            found.append(
                f"the real market shows {len(self._real)} rollouts where leader.real_rollouts asks "
                f"for {self._options.real_rollouts}; give a longer recording."
            )
        if self._options.method == "witness" and self._chosen_at == 0:
            found.append(
                "no world along the way was nearer to the real market than the warm start, which "
                "is the answer; lower leader.rate, or give more rollouts."
            )
        if self._bursts:
            found.append(
                f"the last world bursts: its agent was stopped in {self._shown['guarded']:.0%} of "
                "the steps for acting more than 40 times as often as recorded."
            )
        if (rate := self._shown.get("flow", 1.0)) > 2.0 or rate < 0.5:
            found.append(
                f"the last world sends {rate:.1f} times the orders of the real market: the metric "
                "does not see how often its agent acts. Lower leader.rate."
            )
        return found

    def figures(self) -> dict[str, float]:
        """Where the answer was found, and how far it was from the real market there."""
        found = {"world/chosen_at": float(self._chosen_at), "world/metric": self._best_metric}
        if np.isfinite(self._first_metric):
            found["world/first_metric"] = self._first_metric
        return {name: value for name, value in found.items() if np.isfinite(value)}

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        training = self._training
        fitting = training is None and self._options.method in ("likelihood", "gan")
        return {
            "done": self._done,
            "network": packed(self._network.weights()),
            "average": packed(self._average),
            "best": packed(self._best) if self._best else None,
            "numbers": [self._best_metric, self._now, self._first_metric],
            "counts": [self._chosen_at, self._bursts],
            "shown": self._shown,
            "training": training.state() if training is not None else None,
            "fit": self._fit.state() if fitting else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, once there is a laboratory."""
        self._restored = state

    def _go_on(self, state: dict[str, Any]) -> None:
        self._done, self._shown = state["done"], dict(state["shown"])
        self._network.load(unpacked(state["network"]))
        self._average = unpacked(state["average"])
        self._best = unpacked(state["best"]) if state["best"] else {}
        self._best_metric, self._now, self._first_metric = state["numbers"]
        self._chosen_at, self._bursts = state["counts"]
        if state["training"] is not None:
            self._training = self._trainer()
            self._training.restore(state["training"])
        if state["fit"] is not None:
            self._fit.restore(state["fit"])


def _between(average: Weights, now: Weights, decay: float) -> Weights:
    """Exponential average of the weights."""
    return {
        name: (decay * value + (1.0 - decay) * now[name]).astype(np.float32)
        for name, value in average.items()
    }
