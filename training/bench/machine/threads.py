"""Whole iterations by two threads in one process, over those by one: on idle and on busy cores."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ....envs.registry import make
from ...experiments.place import cores_here
from ...ppo.backend import LocalBackend
from ...studies.speed import Figures, Threads, note
from ..contenders import followers_alone

ENOUGH = 1.0  # second of a turn
WARM = 2
CREWS = (1, 2)


def by_threads(declared: Threads, repeats: int) -> Figures:
    """Seconds of the clock per iteration by one and by two threads, in turned order.

    Once with the cores idle, and once with a program that keeps each of them busy.
    """
    figures: Figures = {}
    backends = {threads: _backend(declared, threads) for threads in CREWS}
    for backend in backends.values():
        for _ in range(WARM):
            backend.iterate()
    _turns(figures, "idle", backends, repeats)
    with _busy(cores_here()):
        _turns(figures, "busy", backends, repeats)
    return figures


def _backend(declared: Threads, threads: int) -> LocalBackend:
    market = make(declared.market, **declared.options)
    plain = followers_alone(market, "array", declared.copies, declared.steps, **declared.followers)
    training = replace(plain.training, learner_threads=threads, sampler_threads=threads)
    return LocalBackend(replace(plain, training=training))


def _turns(figures: Figures, when: str, backends: dict[int, LocalBackend], repeats: int) -> None:
    for number in range(repeats):
        order = CREWS if number % 2 == 0 else CREWS[::-1]
        seconds = {threads: _seconds(backends[threads]) for threads in order}
        for threads in CREWS:
            note(figures, f"{when}/{threads}_threads/seconds", seconds[threads])
        note(figures, f"{when}/iteration_speedup_over_one_thread", seconds[1] / seconds[2])


def _seconds(backend: LocalBackend) -> float:
    """Of one iteration, on the clock."""
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < ENOUGH:
        backend.iterate()
        done += 1
    return (time.perf_counter() - began) / done


@contextmanager
def _busy(cores: int) -> Iterator[None]:
    """With other programs that would use all cores."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()
