"""What several currency dealers come to when they are played out, beside what is computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....envs.fx_dealer.market import FxDealer
from ...policies.play import play
from ...policies.policies import Trained

DAYS = 0.1  # of an episode that shares are counted in, 720 requests in EUR/USD
SETTLING = 0.1  # of it, before inventories are what they come to


def shares(trained: Trained) -> dict[str, float]:
    """Shares of volume, by size, of requests dealt, and internalisation, at the run's answer.

    Long episodes from flat inventories are played, however followers were trained.
    """
    market = trained.experiment.market
    assert isinstance(market, FxDealer)
    sizes, D = market.pair.sizes, market.dealers
    experiment = replace(trained.experiment, market=replace(market, start="flat", days=DAYS))
    settled = int(SETTLING * experiment.market.steps_per_episode)
    played = {
        name: value[:, settled:]
        for name, value in play(
            experiment, trained.policies, trained.theta, episodes=1, greedy=True
        ).quantities.items()
    }
    # Sums over all that was played: shares of a short episode are noisy, and biased.
    volume = played["volume"].sum(axis=(0, 1, 2))
    hedged = played["hedged"].sum(axis=(0, 1, 2))
    requests = float(np.prod(played["volume"].shape[:3]))
    won = np.array([[played[f"won_{i + 1}_{size:g}M"].sum() for size in sizes] for i in range(D)])
    exact = market.composition(trained.theta).equilibrium()
    by_size = won / (requests * exact.weights)
    share = volume / volume.sum()
    kept = 1.0 - hedged / volume
    found = {
        "dealt_share": float(won.sum() / requests),
        "computed/dealt_share": float(exact.request_share.sum()),
        "volume_share_error": float(np.abs(share - exact.volume_share).max()),
        "size_share_error": float(np.abs(by_size - exact.by_size).max()),
        "internalisation_error": float(np.abs(kept - exact.internalisation).max()),
    }
    for i in range(D):
        found[f"volume_share_{i + 1}"] = float(share[i])
        found[f"computed/volume_share_{i + 1}"] = float(exact.volume_share[i])
        found[f"internalisation_{i + 1}"] = float(kept[i])
        found[f"computed/internalisation_{i + 1}"] = float(exact.internalisation[i])
    return found
