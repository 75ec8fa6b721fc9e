"""Trajectories as they were when last looked at: physics must not change unnoticed.

After a change that is meant, ``python -m pytest tests/envs/test_golden.py --regenerate`` writes the
files anew; read their difference before it is kept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from pacesetter.envs.registry import MARKETS, make

FOLDER = Path(__file__).parents[1] / "golden"
PLAYED = {
    "_".join(filter(None, (name, version))): (name, options)
    for name, found in MARKETS.items()
    for version, options in found.small.items()
}
COPIES, STEPS, SEED = 2, 6, 11


def fixed_actions(market, step):
    """Actions by a formula, so that no random generator stands between the file and the market."""
    actions = {}
    for group in market.groups:
        space = group.action_space
        shape = (COPIES, group.size) + (() if isinstance(space, Discrete) else space.shape)
        share = (0.37 * (step + 1) + 0.61 * np.arange(np.prod(shape)).reshape(shape)) % 1.0
        if isinstance(space, Discrete):
            actions[group.name] = (share * int(space.n)).astype(int)
        else:
            actions[group.name] = (space.low + share * (space.high - space.low)).astype(np.float32)
    return actions


def trajectory(name):
    """Lines ``step what copy: numbers`` of a short play with a change of θ and a restart."""
    market = make(PLAYED[name][0], **PLAYED[name][1])
    lines = [f"{name}: seed {SEED}, {COPIES} copies; θ moves to its upper quarter at step 3"]
    state = market.reset(SEED, COPIES)

    def note(step, what, values):
        for copy, value in enumerate(np.asarray(values, dtype=float).reshape(COPIES, -1)):
            lines.append(f"{step} {what} [{copy}]: " + " ".join(f"{x + 0.0:.10g}" for x in value))

    for step in range(STEPS):
        if step == 3:
            characteristics = market.characteristics
            theta = characteristics.from_unit(np.full(len(characteristics), 0.75))
            state = market.set_characteristics(state, theta)
        for group, seen in market.observe(state).items():
            note(step, f"observation of {group}", seen)
        for group, costs in market.information_costs(state).items():
            note(step, f"information cost of {group}", costs)
        note(step, "leader's observation", market.leader_observe(state))
        played = market.step(state, fixed_actions(market, step))
        for group, rewards in played.rewards.items():
            note(step, f"reward of {group}", rewards)
        for quantity, value in played.quantities.items():
            note(step, quantity, value)
        ended = played.terminated | played.truncated
        ended = ended | np.array([step == 4, False])  # one copy begins anew out of turn
        state = market.restart(played.state, ended)
    return lines


@pytest.mark.parametrize("name", PLAYED)
def test_golden_trajectory(name, regenerate):
    path, lines = FOLDER / f"{name}.txt", trajectory(name)
    if regenerate:
        FOLDER.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert path.exists(), "no golden trajectory; run this file with --regenerate"
    golden = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(golden)
    for mine, kept in zip(lines, golden, strict=True):
        (what, numbers), (kept_what, kept_numbers) = (x.split(":", 1) for x in (mine, kept))
        assert what == kept_what
        if "seed" not in numbers:
            found, expected = (
                np.array(text.split(), dtype=float) for text in (numbers, kept_numbers)
            )
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9, err_msg=kept)


def test_no_golden_file_without_its_market():
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(PLAYED)
