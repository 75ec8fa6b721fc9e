"""PPO's gradient over the blocks of a minibatch, each from its observations to its weights' slopes.

Several threads may share the blocks of a minibatch. Every block writes a gradient of its own, and
they are added up in order, so that the sum does not depend on who went through which block. Within
a block, tiles of rows follow each other, as many rows as products and what is between them are
fastest with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.core.kernels.compiled import kernel
from . import heads
from .counter import take_number
from .layers import backward, forward, turn

Widths = NDArray[np.int64]
TILE = 512
"""Rows that go through both networks at once.

192 to 1,024 are equally fast with AVX2; with AVX-512, 512 are by 3 to 5 % faster than 128 or 256.
"""


def room_of(rows: int, actor: Widths, critic: Widths) -> int:
    """Numbers of room that a tile of `rows` needs, by the widths of both networks."""
    widest = max(actor.max(), critic.max())
    return int(rows * (actor.sum() + critic.sum() + 3 * widest + heads.ROOM))


@kernel
def _gathered(observations, rows, room):
    width = observations.shape[1]
    inputs = room[: len(rows) * width].reshape(len(rows), width)
    for i in range(len(rows)):
        row = rows[i]
        for j in range(width):
            inputs[i, j] = observations[row, j]
    return inputs


@kernel
def _critic(
    inputs, columns, options, rows, flat, turned, widths, activation, gradient, terms, room
):
    _, targets, _ = columns
    scale, coefficient, inverse_rows = options
    count = len(rows)
    kept = room[: count * widths[1:].sum()]
    by_value = room[len(kept) : len(kept) + count].reshape(count, 1)
    values = forward(inputs, flat, turned, widths, activation, kept)
    heads.value_error(values, targets, rows, scale, coefficient, inverse_rows, by_value, terms)
    rest = room[len(kept) + count :]
    backward(inputs, flat, widths, activation, kept, by_value, gradient, rest)


@kernel
def normal_block(
    columns, options, value_options, rows, flat, turned, layout, gradient, terms, room
):
    """Gradient of the mean loss over `rows` of the columns, for a normal distribution.

    Args:
        columns: observations ``(R, D)``, value targets ``(R,)``, and what `heads.normal` reads.
        options: of `heads.normal`.
        value_options: scale of values, coefficient of their error, 1 / rows of the minibatch.
        rows: of the columns, ``(n,)``.
        flat: parameters: log deviations, actor, critic.
        turned: what `layers.turn` writes of both networks.
        layout: where the actor and the critic begin in it, their widths, the activation, and
            whether deviations are learned.
        gradient: of the length of `flat`; written.
        terms: sums of the terms of the loss; added to.
        room: as long as `room_of` says.
    """
    observations, _, part = columns
    actor_start, critic_start, actor, critic, activation, learned = layout
    inputs = _gathered(observations, rows, room)
    room = room[inputs.size :]
    count, entries = len(rows), actor[-1]
    kept = room[: count * actor[1:].sum()]
    weights = flat[actor_start:critic_start]
    means = forward(inputs, weights, turned[actor_start:critic_start], actor, activation, kept)
    by_means = room[len(kept) : len(kept) + means.size].reshape(count, entries)
    by_deviations = gradient[:entries]
    by_deviations[:] = np.float32(0.0)
    rest = room[len(kept) + means.size :]
    heads.normal(means, flat[:entries], part, options, rows, by_means, by_deviations, terms, rest)
    if not learned:
        by_deviations[:] = np.float32(0.0)
    slope = gradient[actor_start:critic_start]
    backward(inputs, weights, actor, activation, kept, by_means, slope, rest)
    slope = gradient[critic_start:]
    _critic(
        *(inputs, columns, value_options, rows, flat[critic_start:], turned[critic_start:]),
        *(critic, activation, slope, terms, room),
    )


@kernel
def categorical_block(
    columns, options, value_options, rows, flat, turned, layout, gradient, terms, room
):
    """The same for a categorical distribution; see `normal_block`."""
    observations, _, part = columns
    actor_start, critic_start, actor, critic, activation, _ = layout
    inputs = _gathered(observations, rows, room)
    room = room[inputs.size :]
    count, actions = len(rows), actor[-1]
    kept = room[: count * actor[1:].sum()]
    weights = flat[actor_start:critic_start]
    logits = forward(inputs, weights, turned[actor_start:critic_start], actor, activation, kept)
    by_logits = room[len(kept) : len(kept) + logits.size].reshape(count, actions)
    rest = room[len(kept) + logits.size :]
    heads.categorical(logits, part, options, rows, by_logits, terms, rest)
    slope = gradient[actor_start:critic_start]
    backward(inputs, weights, actor, activation, kept, by_logits, slope, rest)
    slope = gradient[critic_start:]
    _critic(
        *(inputs, columns, value_options, rows, flat[critic_start:], turned[critic_start:]),
        *(critic, activation, slope, terms, room),
    )


@kernel
def add_up(parts, total):
    """Sum of the blocks' gradients ``(blocks, P)``, in order."""
    total[:] = parts[0]
    for block in range(1, len(parts)):
        _add(parts[block], total)


@kernel
def _add(part, total):
    for i in range(len(total)):
        total[i] += part[i]


@kernel
def _divided(flat, layout, most, room):
    """Room for a gradient, weights turned for tiles of so many rows, and the rest."""
    actor_start, critic_start, actor, critic, _, _ = layout
    part, turned, rest = room[: len(flat)], room[len(flat) : 2 * len(flat)], room[2 * len(flat) :]
    turn(flat[actor_start:critic_start], actor, most, turned[actor_start:critic_start])
    turn(flat[critic_start:], critic, most, turned[critic_start:])
    return part, turned, rest


@kernel
def normal_minibatch(
    columns, options, value_options, order, sizes, flat, layout, gradients, terms, room, counter
):
    """Blocks of a minibatch, as long as the counter has numbers of any.

    Args:
        order: rows of the columns that are the minibatch, ``(m,)``.
        sizes: rows of a block, and of a tile.
        gradients, terms: one row per block.
        room: as long as `room_of` says for the rows of a tile, and two gradients more.
        counter: ``(1,)``; other threads may take numbers from it, too.
        columns, options, value_options, flat, layout: as for `normal_block`.
    """
    size, most = sizes
    part, turned, rest = _divided(flat, layout, most, room)
    block = take_number(counter)
    while block < len(gradients):
        rows = order[block * size : min((block + 1) * size, len(order))]
        slope, sums = gradients[block], terms[block]
        for start in range(0, len(rows), most):
            tile, own = rows[start : start + most], part if start else slope
            normal_block(
                *(columns, options, value_options, tile, flat, turned, layout, own, sums, rest)
            )
            if start:
                _add(part, slope)
        block = take_number(counter)


@kernel
def categorical_minibatch(
    columns, options, value_options, order, sizes, flat, layout, gradients, terms, room, counter
):
    """The same for a categorical distribution; see `normal_minibatch`."""
    size, most = sizes
    part, turned, rest = _divided(flat, layout, most, room)
    block = take_number(counter)
    while block < len(gradients):
        rows = order[block * size : min((block + 1) * size, len(order))]
        slope, sums = gradients[block], terms[block]
        for start in range(0, len(rows), most):
            tile, own = rows[start : start + most], part if start else slope
            categorical_block(
                *(columns, options, value_options, tile, flat, turned, layout, own, sums, rest)
            )
            if start:
                _add(part, slope)
        block = take_number(counter)
