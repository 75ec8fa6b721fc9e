"""A batch that is shared out among several learners, by copies of the market.

Every learner gets as many copies as the others, or one more; who gets one more changes from batch
to batch. Whatever a learner holds, it knows which rows of the whole batch these are, so that all
together go through the minibatches that one learner alone would go through. A batch whose
minibatches would leave each with a handful of rows is not shared out: everybody gets and learns all
of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .peers import Peers
from .rollout import ArrayRollout, ModuleRollout

WORTH_SHARING = 64
"""Rows per learner and minibatch below which a message takes longer than the rows themselves."""


class ModuleShare:
    """What one learner holds of a module's batch.

    Attributes:
        parts: of the rollouts.
        places: of the rows with a decision of every part among the rows of the whole batch,
            ``(r,)``, in the order of time and row.
        rows: of the whole batch.
        whole: it is the whole batch, and so it is for every other learner.
    """

    def __init__(self, rows: int, whole: bool):
        self.parts: list[ModuleRollout] = []
        self.places: list[NDArray[np.int64]] = []
        self.rows, self.whole = rows, whole


class BatchShare:
    """What one learner holds of a batch: module name -> its share.

    All learners have the same modules in the same order, whether they hold rows of one or not.
    A plain class, for RLlib to pass on as it is.
    """

    def __init__(self, modules: dict[str, ModuleShare], env_steps: int):
        self.modules = modules
        self._env_steps = env_steps

    def __len__(self) -> int:
        return self._env_steps


def share_out(
    rollouts: Sequence[ArrayRollout],
    copies: int,
    learners: int,
    turn: int,
    minibatches: Mapping[str, int | None],
) -> list[BatchShare]:
    """One share per learner.

    Args:
        rollouts: of all env runners.
        copies: of the market in every rollout.
        learners: at most as many as there are copies in all rollouts together.
        turn: number of the batch; with it the learners that get one copy more change.
        minibatches: module name -> rows of a minibatch; None: all. Shares have its order, in which
            one learner goes through them, too.
    """
    limits = _limits(len(rollouts) * copies, learners, turn)
    steps = sum(rollout.env_steps() for rollout in rollouts) // (len(rollouts) * copies)
    shares = [BatchShare({}, (last - first) * steps) for first, last in pairwise(limits)]
    for name in sorted({n for r in rollouts for n in r.modules}, key=list(minibatches).index):
        parts = [rollout.modules.get(name) for rollout in rollouts]
        rows = sum(_decisions(part) for part in parts if part is not None)
        whole = min(minibatches[name] or rows, rows) < learners * WORTH_SHARING
        for number, share in enumerate(shares):
            share.modules[name] = own = ModuleShare(rows, whole)
            if whole:
                own.parts = [part for part in parts if part is not None]
            else:
                _fill(own, parts, copies, limits[number], limits[number + 1])
    return shares


def _limits(copies: int, learners: int, turn: int) -> list[int]:
    """Where each learner's copies begin, and where the last ones end."""
    least, more = divmod(copies, learners)
    own = [least + ((number - turn) % learners < more) for number in range(learners)]
    return [0, *np.cumsum(own).tolist()]


def _decisions(part: ModuleRollout) -> int:
    return part.rewards.size if part.valid is None else int(part.valid.sum())


def _fill(
    own: ModuleShare, parts: Sequence[ModuleRollout | None], copies: int, first: int, last: int
) -> None:
    """Add the copies from `first` to `last`, counted over all parts, to a share.

    There is always a part, though it may have no rows.
    """
    before = 0
    for number, part in enumerate(parts):
        if part is None:
            continue
        start, end = max(first - number * copies, 0), min(last - number * copies, copies)
        if start < end:
            agents = part.rewards.shape[1] // copies
            piece = slice(start * agents, end * agents)
            own.parts.append(_cut(part, piece))
            own.places.append(before + _places(part, piece))
        before += _decisions(part)
    if not own.parts:
        own.parts = [_cut(part, slice(0, 0)) for part in parts if part is not None][:1]
        own.places = [np.zeros(0, dtype=np.int64)]


def _cut(part: ModuleRollout, piece: slice) -> ModuleRollout:
    """Some rows of a rollout."""

    def cut(array: Any) -> Any:
        return None if array is None else np.ascontiguousarray(array[:, piece])

    times, rows = part.boot_index
    inside = (rows >= piece.start) & (rows < piece.stop)
    return ModuleRollout(
        observations=cut(part.observations),
        actions=cut(part.actions),
        log_probability=cut(part.log_probability),
        rewards=cut(part.rewards),
        terminated=cut(part.terminated),
        ended=cut(part.ended),
        boot_index=np.stack([times[inside], rows[inside] - piece.start]),
        boot_observations=part.boot_observations[inside],
        distribution_inputs=cut(part.distribution_inputs),
        information_price=cut(part.information_price),
        valid=cut(part.valid),
    )


def _places(part: ModuleRollout, piece: slice) -> NDArray[np.int64]:
    """Places of some rows of a rollout among all of its decisions."""
    steps, rows = part.rewards.shape
    if part.valid is None:
        places = np.arange(steps, dtype=np.int64)[:, None] * rows
        return (places + np.arange(piece.start, piece.stop)).reshape(-1)
    places = np.cumsum(part.valid.reshape(-1), dtype=np.int64).reshape(steps, rows) - 1
    return places[:, piece][part.valid[:, piece]]


@dataclass(frozen=True)
class Held:
    """Which rows of a batch a learner holds, and with whom it shares the others.

    Attributes:
        rows: of the whole batch.
        places: of this learner's rows in it, ``(r,)``.
        peers: the learners.
    """

    rows: int
    places: Tensor
    peers: Peers

    def own(self, order: Tensor, ends: Sequence[int]) -> tuple[Tensor, list[int]]:
        """This learner's part of an epoch.

        Args:
            order: in which the rows of the whole batch are gone through, ``(rows,)``.
            ends: of the minibatches in it.

        Returns:
            The order of the rows held here, ``(r,)``, and where each minibatch ends in it.
        """
        number = torch.full((self.rows,), -1, dtype=torch.int64)
        number[self.places] = torch.arange(len(self.places))
        numbers = number[order]
        held = numbers >= 0
        return numbers[held], torch.cumsum(held, 0)[torch.tensor(ends) - 1].tolist()
