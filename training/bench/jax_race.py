"""Whole iterations of the array path against a PPO that is one compiled JAX program.

JAX lives in an environment of its own: ``PACESETTER_JAX`` names its Python, which must have what
`NEEDS` lists; the suite itself need not be installed there. Both sides are held to the same core,
take turns, and are timed by their own processor time.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...envs.core.errors import PacesetterError
from ...envs.registry import make
from ..experiments.experiment import Experiment
from ..ppo.backend import LocalBackend
from ..studies.speed import RECIPES, Figures, JaxRace, note
from .contenders import followers_alone
from .machine.products import seconds_of_products

INTERPRETER = "PACESETTER_JAX"
NEEDS = "jax gymnasium==1.2.2 array-api-compat numba scipy annotated-types"
HOW = (
    f"set {INTERPRETER} to the Python of an environment with what the loop needs: python -m venv "
    f"other && other/bin/pip install {NEEDS} && export {INTERPRETER}=$PWD/other/bin/python"
)
ROOT = Path(__file__).resolve().parents[2]
FOUND = """
import importlib, importlib.util, runpy, sys
root = sys.argv.pop(1)
where = {"submodule_search_locations": [root]}
spec = importlib.util.spec_from_file_location("pacesetter", root + "/__init__.py", **where)
sys.modules["pacesetter"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["pacesetter"])
loop = "pacesetter.training.bench.jax_loop"
runpy.run_module(loop, run_name="__main__") if sys.argv[1:] else importlib.import_module(loop)
"""
"""Runs `jax_loop` on its task, from wherever the suite is; without a task it is only imported."""
ITERATIONS = 3  # of a turn
ALIKE = ("hidden_layers", "learning_rate", "discount", "gae_lambda", "gradient_clip")


def check_environment() -> None:
    """See that the other environment has all that the loop needs, before anything is measured.

    Raises:
        PacesetterError: it has not; the message says how to make one.
    """
    process = _start([])
    _, said = process.communicate()
    if process.returncode:
        reason = (said.strip().splitlines() or ["without a word"])[-1]
        raise PacesetterError(
            f"{INTERPRETER}={os.environ[INTERPRETER]}: the JAX loop does not run there ({reason}); "
            f"{HOW}"
        )


def _start(arguments: list[str]) -> subprocess.Popen[str]:
    python = os.environ.get(INTERPRETER, "")
    if not python:
        raise PacesetterError(f"benchmark 'jax' needs another environment: {HOW}")
    try:
        return subprocess.Popen(
            [python, "-c", FOUND, str(ROOT), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if arguments else subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        raise PacesetterError(
            f"{INTERPRETER}={python}: cannot be started ({error.strerror}); {HOW}"
        ) from error


class JaxProcess:
    """A `jax_loop` that waits for its turns."""

    def __init__(self, task: dict[str, Any], core: int | None = None):
        self._process = _start([json.dumps(task)])
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, {core})
        self._answer()

    def turn(self) -> float:
        """Processor seconds of an iteration."""
        return self.ask(str(ITERATIONS))["processor_seconds"] / ITERATIONS

    def ask(self, line: str) -> dict[str, Any]:
        """The answer to one line (see `jax_loop`)."""
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PacesetterError(f"the JAX process ended before it answered; {HOW}")
        return json.loads(line)

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def ours(declared: JaxRace, recipe: Mapping[str, Any]) -> Experiment:
    """The same task for the array path."""
    market = make(declared.market)
    pays = any(group.information_cost for group in market.groups)
    free = {"information_cost": False} if pays else {}
    return followers_alone(market, "array", declared.copies, declared.steps, **recipe, **free)


def race_with_jax(declared: JaxRace, repeats: int) -> Figures:
    """Processor seconds of whole iterations on one core, ours and JAX's, in turned order."""
    figures: Figures = {}
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
    task = {"market": declared.market, "copies": declared.copies, "steps": declared.steps}
    for name, recipe in RECIPES.items():
        experiment = ours(declared, recipe)
        settings = asdict(experiment.followers_of(experiment.market.groups[0].name))
        jax = JaxProcess(task | dict(recipe) | {key: settings[key] for key in ALIKE}, min(allowed))
        try:
            _turns(figures, name, experiment, jax, repeats)
        finally:
            jax.stop()
    return figures


def _turns(
    figures: Figures, name: str, experiment: Experiment, jax: JaxProcess, repeats: int
) -> None:
    backend, products = LocalBackend(experiment), seconds_of_products(experiment, time.process_time)

    def turn() -> float:
        began = time.process_time()
        for _ in range(ITERATIONS):
            backend.iterate()
        return (time.process_time() - began) / ITERATIONS

    turn(), products()
    agents = sum(group.size for group in experiment.market.groups)
    rows = experiment.training.copies * experiment.training.rollout_steps * agents
    for number in range(repeats):
        if number % 2 == 0:
            mine, theirs = turn(), jax.turn()
        else:
            theirs, mine = jax.turn(), turn()
        note(figures, f"{name}/array/agent_steps_per_processor_second", rows / mine)
        note(figures, f"{name}/array/percent_of_matrix_products", 100.0 * products() / mine)
        note(figures, f"{name}/jax/agent_steps_per_processor_second", rows / theirs)
        note(figures, f"{name}/iteration_speedup_over_jax", theirs / mine)
