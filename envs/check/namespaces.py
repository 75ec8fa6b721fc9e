"""Checks that need torch: the same physics as in NumPy, whatever the values are."""

from __future__ import annotations

import numpy as np

from ..core.arrays import is_tensor
from ..core.errors import PacesetterError
from ..core.market import Market
from .play import FaultError, Play, require, require_equal

COPIES = 3
ROUNDING = 1e-12


def torch_equals_numpy(market: Market, steps: int, seed: int) -> str:
    """Under the same shocks and actions, torch and NumPy play the same, wherever torch comes in."""
    if "torch" not in market.namespaces:
        return _skipped(market)
    import torch

    theta = market.characteristics.draw(np.random.default_rng(seed), COPIES)
    expected = Play.begin(market, seed, COPIES, theta).advance(steps).records
    tensor = torch.tensor(theta)
    doors = {
        "reset(theta=a tensor)": Play.begin(market, seed, COPIES, tensor),
        "reset(like=a tensor)": Play.begin(market, seed, COPIES, theta, tensor),
        "set_characteristics(a tensor)": Play.begin(market, seed, COPIES, theta).set_theta(tensor),
    }
    for door, play in doors.items():
        found = play.state.theta
        kept = is_tensor(found) and found.dtype == torch.float64
        require(kept, f"{door} does not keep θ in torch and double precision")
        play.advance(steps if "reset" in door else 1)
        require_equal(play.records, expected[: len(play.records)], "torch and NumPy", ROUNDING)
    return f"{COPIES} copies, {steps} steps, float64"


def blind(market: Market, steps: int, seed: int) -> str:
    """Whatever the values are, one way is taken: a play runs on arrays that have none.

    Arrays on torch's meta device have shapes and no values: who asks for one there is refused, and
    so is who mixes in an array of another device. Where a transition branches on values, it cannot
    be traced, a batch of copies on a graphics card waits for Python at every step, and gradients
    are those of the branch alone.
    """
    if "torch" not in market.namespaces:
        return _skipped(market)
    import torch

    play, call = None, "reset"
    try:
        play = Play.begin(market, seed, COPIES, like=torch.empty(1, device="meta"))
        for _ in range(2):
            for call in ("observe", "leader_observe", "information_costs", "deciding"):
                getattr(market, call)(play.state)
            call = "transition"
            play.state = market.step(play.state, play.source.draw()).state
            call = "restart"
            play.state = market.restart(play.state, np.array([True, False, True]))
    except PacesetterError:
        raise
    except Exception as error:
        raise FaultError(
            f"{call} needs values, or arrays of a device of its own: on arrays with neither, torch "
            f"says {str(error).splitlines()[0]!r}. Choose by xp.where instead of if, leave out "
            "float() and .item(), and make constants on the device of the state"
        ) from error
    return "on arrays without values"


def _skipped(market: Market) -> str:
    return f"skipped: the market runs in {', '.join(market.namespaces)} only"
