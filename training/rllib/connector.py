"""Learner connector: where RLlib would process episodes, rollouts become columns as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from ray.rllib.connectors.connector_v2 import ConnectorV2

from ..ppo.advantages import training_columns
from ..ppo.columns import EXPLAINED_VARIANCE
from ..ppo.rollout import ArrayRollout, ModuleRollout


class ArrayAdvantages(ConnectorV2):
    """Turns a list of `ArrayRollout` into module name -> flat columns, ``(n, …)``.

    Args:
        discount_and_lambda: module name -> its discount γ and GAE's λ.
    """

    def __init__(self, discount_and_lambda: dict[str, tuple[float, float]]):
        super().__init__()
        self._discount_and_lambda = discount_and_lambda

    def __call__(
        self,
        *,
        rl_module: Any,
        batch: dict[str, Any],
        episodes: list[ArrayRollout],
        explore: bool | None = None,
        shared_data: dict[str, Any] | None = None,
        metrics: Any = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Columns of all rollouts, with advantages standardised per module."""
        for rollout in episodes:
            for part in rollout.modules.values():
                _make_writable(part)
        names = {name for rollout in episodes for name in rollout.modules}
        modules = {name: rl_module[name].unwrapped() for name in names}
        columns, explained = training_columns(modules, episodes, self._discount_and_lambda)
        if metrics is not None:
            for name, share in explained.items():
                metrics.log_value((name, EXPLAINED_VARIANCE), share, window=1)
        return columns


def _make_writable(part: ModuleRollout) -> None:
    """Copy arrays that stand in Ray's store, shared and read-only, which torch has no notion of."""
    for name, value in vars(part).items():
        if isinstance(value, np.ndarray) and not value.flags.writeable:
            setattr(part, name, value.copy())
