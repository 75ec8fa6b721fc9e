"""The cobweb market's benchmarks, and the memory of a training run of it."""

from __future__ import annotations

from ..slowdown import GOALS, slowdown
from ..speed import Figures, JaxRace, Measured, Race, Resident, Solution
from ..views import GOALS as OF_VIEWS
from ..views import views

COPIES, STEPS = 64, 50
SOLUTION = Solution("cobweb's producers, 64 copies of 10 steps", "cobweb", 64, 10)

TWO_EPOCHS = Race(
    "64 copies, 64×64, 2 epochs, minibatch 1024",
    "cobweb",
    COPIES,
    STEPS,
    free_information=True,
    plain_loop=True,
    goals={
        "sampling_speedup_over_stock": ("at least", 50.0),
        "iteration_speedup_over_stock": ("at least", 10.0),
        "iteration_speedup_over_reference": ("at least", 1.0),
    },
)
FOUR_EPOCHS = Race(
    "64 copies, 64×64, 4 epochs, minibatch 4096",
    "cobweb",
    COPIES,
    STEPS,
    {"epochs": 4, "minibatch_size": 4096},
    free_information=True,
    plain_loop=True,
    goals={"iteration_speedup_over_stock": ("at least", 10.0)},
)
WIDE = Race(
    "8 copies, 256×256, 2 epochs, minibatch 1024",
    "cobweb",
    8,
    STEPS,
    {"hidden_layers": (256, 256)},
    free_information=True,
    goals={"sampling_speedup_over_stock": ("at least", 10.0)},
)
JAX = JaxRace("64 copies of 50 steps, information free, one core", "cobweb", COPIES, STEPS)
MEMORY = Resident(
    "a training run with everything Ray starts",
    "cobweb",
    goals={"demo/megabytes": ("at most", 2500.0)},
)


def derivatives(repeats: int, quick: bool = False) -> Figures:
    """64 copies of 50 steps, through the distribution function of every forecast."""
    return slowdown("cobweb_planted_gradient", "ordered", COPIES, (), repeats, quick)


DERIVATIVES = Measured("derivatives in the cobweb, ordered, 64 copies", derivatives, GOALS)


def for_others(repeats: int, quick: bool = False) -> Figures:
    """One policy for 64 × 6 producers, by Stable-Baselines3."""
    return views("cobweb", STEPS, 4, repeats, quick)


VIEWS = Measured("Stable-Baselines3 on arrays and by SuperSuit, 4 epochs", for_others, OF_VIEWS)
