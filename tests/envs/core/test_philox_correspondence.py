"""The compiled draws against NumPy's own generator, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.core import random_streams
from pacesetter.envs.core.kernels import philox
from pacesetter.envs.core.random_streams import STEP, RandomStream, Shock, ShockLayout

LAYOUTS = {
    "both": {"noise": Shock("normal", (3,)), "place": Shock("uniform", (5,))},
    "normals": {"noise": Shock("normal", (40,))},
    "uniforms": {"place": Shock("uniform", (7,))},
    "one_normal": {"noise": Shock("normal"), "place": Shock("uniform", (101,))},
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_numbers_are_those_of_numpy(name):
    layout = ShockLayout(LAYOUTS[name])
    seeds = np.array([*range(60), 2**40 + 5, 2**63 + 1, 2**64 - 1], dtype=np.uint64)
    chunks = np.arange(len(seeds)) ** 3
    rows = np.arange(len(seeds))[::2]
    drawn = np.zeros((len(seeds), layout.chunk_steps, layout.normals + layout.uniforms))
    expected = drawn.copy()
    for row in rows:
        layout.generate(int(seeds[row]), STEP, int(chunks[row]), expected[row])
    assert philox.generate_many(seeds, STEP, chunks[rows], layout.normals, rows, drawn)
    assert np.array_equal(drawn, expected)


def test_two_million_normals_with_their_tails():
    layout = ShockLayout({"noise": Shock("normal", (1000,))})
    seeds = np.arange(32, dtype=np.uint64)
    drawn = np.empty((32, layout.chunk_steps, 1000))
    expected = drawn.copy()
    for row in range(32):
        layout.generate(row, STEP, 9, expected[row])
    chunks = np.full(32, 9)
    assert philox.generate_many(seeds, STEP, chunks, 1000, np.arange(32), drawn)
    assert np.abs(drawn).max() > 4.5
    assert np.array_equal(drawn, expected)


def test_words_that_run_out_are_told(monkeypatch):
    """Not one number may come from beyond the words that were made; NumPy draws them instead."""
    layout = ShockLayout({"noise": Shock("normal", (600,))})
    monkeypatch.setattr(philox, "generate_many", lambda *_: False)
    stream = RandomStream.start(np.arange(2, dtype=np.uint64), STEP, layout)
    drawn, _ = stream.draw(layout)
    expected = np.empty((layout.chunk_steps, 600))
    layout.generate(1, STEP, 0, expected)
    assert 2 * expected.size >= random_streams.MANY_DRAWS
    assert np.array_equal(drawn["noise"][1], expected[0])


def test_draws_ahead_are_those_that_come():
    layout = ShockLayout(LAYOUTS["both"])
    stream = RandomStream.start(np.arange(3, dtype=np.uint64), STEP, layout)
    for _ in range(60):
        _, stream = stream.draw(layout)
    chunk, at, number = stream.ahead(layout, 10)
    assert (at, number) == (60, 4)
    ahead = stream.after(chunk, number)
    for step in range(number):
        drawn, stream = stream.draw(layout)
        assert np.array_equal(drawn["noise"], chunk[:, at + step, :3])
    assert np.array_equal(ahead.draw(layout)[0]["place"], stream.draw(layout)[0]["place"])
    apart = stream.put(np.array([0]), stream.after(chunk, 1).take(np.array([0])))
    assert apart.ahead(layout, 5) is None
