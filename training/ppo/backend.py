"""PPO in this process, without Ray: the array path and nothing around it.

One process samples and learns, with the same pieces and the same numbers as RLlib's own training
step around them. It trains where Ray is not installed, and markets in which nobody learns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...leaders.policy.options import PPOOptions
from ..backend import Iteration
from ..experiments.experiment import Experiment
from ..policies.network import ActorCritic
from ..policies.policies import Policies, critic_weights
from ..policies.specification import LEADER, model_config, module_settings, module_spaces
from ..policies.threads import limit_threads
from ..runs.whole_files import whole_file
from .advantages import training_columns
from .choice import Shuffles, sampler_of, trainee_of
from .columns import EXPLAINED_VARIANCE, MEAN_KL
from .gradients import LossOptions
from .schedule import learning_rates, value_at
from .update import FlatParameters, UpdateOptions

FILE = "local.pt"


class LocalBackend:
    """A `Backend` in this process.

    Args:
        experiment: what is trained.
    """

    def __init__(self, experiment: Experiment):
        limit_threads(experiment.training.torch_threads)
        self._sampler = sampler_of(experiment.bound())
        self._shuffles = Shuffles(experiment, experiment.seed)
        self._students: dict[str, _Student] = {}
        for name, (observation, action) in module_spaces(experiment).items():
            module = ActorCritic(observation, action, model_config(experiment, name))
            settings = module_settings(experiment, name)
            rates = learning_rates(experiment, settings, name == LEADER)
            self._students[name] = _Student(experiment, name, module, settings, rates)
        # Actors of their own: in the students' common buffer layers are not aligned, and a product
        # of matrices then rounds otherwise than RLlib's runners do.
        self.modules = Policies.untrained(experiment).modules
        self._handed = [
            (own, learned)
            for name, actor in self.modules.items()
            for own, learned in _shared(actor, self._students[name].module)
        ]
        self._steps = 0

    def begin_at(self, modules: Mapping[str, ActorCritic]) -> None:
        """Go on from networks that were trained before; those without a critic leave it fresh."""
        for name, student in self._students.items():
            student.module.load_state_dict(modules[name].state_dict(), strict=False)
        self._hand_over()

    def command(self, led: int, theta: NDArray[np.float64] | None) -> None:
        """See `Backend.command`."""
        self._sampler.lead(led)
        if theta is not None:
            self._sampler.assign(theta)

    def iterate(self) -> Iteration:
        """See `Backend.iterate`."""
        rollout = self._sampler.sample(self.modules)
        self._steps += rollout.env_steps()
        discount_and_lambda = {
            name: (student.settings.discount, student.settings.gae_lambda)
            for name, student in self._students.items()
        }
        students = {name: student.module for name, student in self._students.items()}
        columns, explained = training_columns(students, [rollout], discount_and_lambda)
        learned = {
            name: self._students[name].learn(part, self._shuffles.of(name))
            | {EXPLAINED_VARIANCE: explained[name]}
            for name, part in columns.items()
        }
        for student in self._students.values():
            student.advance(self._steps, learned.get(student.name, {}).get(MEAN_KL))
        self._hand_over()
        report = self._sampler.take_report()
        return Iteration([report] if report else [], learned)

    def critics(self) -> dict[str, dict[str, Tensor]]:
        """See `Backend.critics`."""
        return {name: critic_weights(student.module) for name, student in self._students.items()}

    @torch.no_grad()
    def _hand_over(self) -> None:
        """Give the actors what the students have learned."""
        for own, learned in self._handed:
            own.copy_(learned)

    def save(self, folder: Path) -> None:
        """See `Backend.save`."""
        folder.mkdir()
        state = {
            "sampler": self._sampler.state(),
            **self._shuffles.state(),
            "students": {name: student.state() for name, student in self._students.items()},
            "steps": self._steps,
        }
        with whole_file(folder / FILE) as temporary:
            torch.save(state, temporary)

    def restore(self, folder: Path) -> str:
        """See `Backend.restore`."""
        state = torch.load(folder / FILE, weights_only=False)  # a checkpoint of one's own
        self._sampler.restore(state["sampler"])
        self._shuffles.restore(state)
        for name, student in self._students.items():
            student.restore(state["students"][name])
        self._steps = state["steps"]
        self._hand_over()
        return self._sampler.lost

    def stop(self) -> None:
        """Nothing is held."""


def _shared(actor: ActorCritic, student: ActorCritic) -> Iterator[tuple[Tensor, Tensor]]:
    """The actor's parameters, each with the student's; the critic is the student's alone."""
    learned = dict(student.named_parameters())
    for name, own in actor.named_parameters():
        yield own, learned[name]


class _Student:
    """A module under training, and what changes with it: learning rate and price of moving."""

    def __init__(
        self,
        experiment: Experiment,
        name: str,
        module: ActorCritic,
        settings: PPOOptions,
        rates: Any,
    ):
        self.name, self.module, self.settings = name, module.eval(), settings
        self._rates = rates
        self._trainee = trainee_of(experiment, name, module, FlatParameters(module))
        self._price = torch.tensor(settings.kl_coefficient) if settings.kl_coefficient else None
        first = value_at(rates, 0)
        # RLlib begins a schedule with a rate in single precision, and goes on in double.
        self._set_rate(first if isinstance(rates, float) else float(np.float32(first)))

    def learn(self, columns: Any, shuffle: torch.Generator) -> dict[str, float]:
        """Go through a batch as often as the settings say."""
        settings = self.settings
        loss = LossOptions(
            clip=settings.clip,
            value_coefficient=1.0,
            entropy_coefficient=settings.entropy_coefficient,
            kl_coefficient=None if self._price is None else float(self._price),
        )
        options = UpdateOptions(
            settings.epochs, settings.minibatch_size, settings.gradient_clip, loss
        )
        return self._trainee.update(columns, options, shuffle)

    def advance(self, steps: int, mean_kl: float | None) -> None:
        """Move what is scheduled in environment steps, and the price after RLlib's rule."""
        self._set_rate(value_at(self._rates, steps))
        self.module.schedule_deviation(steps)
        if self._price is not None and mean_kl is not None:
            if mean_kl > 2.0 * self.settings.kl_target:
                self._price *= 1.5
            elif mean_kl < 0.5 * self.settings.kl_target:
                self._price *= 0.5

    def _set_rate(self, rate: float) -> None:
        for group in self._trainee.optimizer.param_groups:
            group["lr"] = rate

    def state(self) -> dict[str, Any]:
        """Weights, optimiser and price."""
        return {
            "module": self.module.state_dict(),
            "optimizer": self._trainee.optimizer.state_dict(),
            "price": self._price,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.module.load_state_dict(state["module"])
        self._trainee.optimizer.load_state_dict(state["optimizer"])
        self._price = state["price"]
