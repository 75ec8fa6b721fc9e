"""From a policy's outputs to PPO's loss and its gradient, over the rows of a block.

Schulman et al. 2017 (PPO), eq. 7, with the exact information cost of every row: its price times
KL(π(·|o) ‖ uniform), which is a constant minus the entropy. What the torch functions beside these
do is in `ppo.gradients` and `policies.distributions`; tests hold the two together. Letters: n rows
of a block, K logits or A action entries.
"""

from __future__ import annotations

import math

import numpy as np

from ...envs.core.kernels.compiled import kernel
from .elementwise import exp_beyond
from .softmax import softmax

f = np.float32
HALF_LOG_TWO_PI = f(0.5 * math.log(2.0 * math.pi))
POLICY_LOSS, VALUE_LOSS, ENTROPY, CLIPPED, DIVERGENCE = range(5)
TERMS = 5
"""Entries of the sums of terms."""
ROOM = 6
"""Numbers per row that `normal` and `categorical` use at most."""


@kernel(fused=True)
def surrogate(changes, advantages, rows, clip, inverse_rows, ratios, whole, terms):
    """Replace changes of log-probabilities by the mean clipped surrogate's slopes by them.

    Args:
        changes: since actions were drawn, ``(n,)``; the slopes are written there.
        advantages: a column.
        rows: of the column, ``(n,)``.
        clip, inverse_rows: of `normal`.
        ratios, whole: room, ``(n,)`` and ``(n,)`` int32.
        terms: sums, see above; added to.
    """
    exp_beyond(f(0.0), changes, ratios, whole)
    low, high = f(1.0) - clip, f(1.0) + clip
    loss = cut = f(0.0)
    for i in range(len(changes)):
        advantage, ratio = advantages[rows[i]], ratios[i]
        clipped = low if ratio < low else (high if ratio > high else ratio)
        own, bounded = advantage * ratio, advantage * clipped
        # A product, so that a value that is not finite stays one.
        followed = f(1.0) if own <= bounded else f(0.0)
        loss -= own if own < bounded else bounded
        cut += f(1.0) if ratio != clipped else f(0.0)
        changes[i] = -own * inverse_rows * followed
    terms[POLICY_LOSS] += loss
    terms[CLIPPED] += cut


@kernel(fused=True)
def value_error(values, targets, rows, scale, coefficient, inverse_rows, by_value, terms):
    """Squared value error of a block: values ``(n, 1)`` unscaled, `rows` of the targets."""
    slope, total = f(2.0) * coefficient * inverse_rows, f(0.0)
    for i in range(len(rows)):
        missed = (values[i, 0] * scale - targets[rows[i]]) / scale
        by_value[i, 0] = missed * slope
        total += missed * missed
    terms[VALUE_LOSS] += total


@kernel(fused=True)
def normal(means, deviations, part, options, rows, by_means, by_deviations, terms, room):
    """A normal distribution with free deviations.

    Args:
        means: ``(n, A)``.
        deviations: log deviations, ``(A,)``.
        part: columns (actions ``(R, A)``, log-probabilities, advantages, prices, old inputs); the
            last two are empty where there are none.
        options: clip, entropy coefficient, coefficient of the divergence, 1 / rows.
        rows: of the columns, ``(n,)``.
        by_means, by_deviations: gradient, ``(n, A)`` written and ``(A,)`` added to.
        terms: sums, see above; added to.
        room: at least `ROOM` numbers per row.
    """
    actions, old_log_probability, advantages, prices, old = part
    clip, entropy_coefficient, kl_coefficient, inverse_rows = options
    (count, entries), precisions = means.shape, np.exp(-deviations)
    changes, ratios, whole = _parted(room, count)
    entropy = spread = f(0.0)
    for j in range(entries):
        entropy += deviations[j] + f(0.5) + HALF_LOG_TWO_PI
        spread += deviations[j] + HALF_LOG_TWO_PI
    for i in range(count):
        row, distance = rows[i], f(0.0)
        for j in range(entries):
            z = (actions[row, j] - means[i, j]) * precisions[j]
            by_means[i, j] = z
            distance += z * z
        changes[i] = f(-0.5) * distance - spread - old_log_probability[row]
    surrogate(changes, advantages, rows, clip, inverse_rows, ratios, whole, terms)
    terms[ENTROPY] += f(count) * entropy
    by_entropy = -(f(count) * entropy_coefficient + _total(prices, rows)) * inverse_rows
    for j in range(entries):
        slope, precision = by_entropy, precisions[j]
        for i in range(count):
            z = by_means[i, j]
            slope += changes[i] * (z * z - f(1.0))
            by_means[i, j] = changes[i] * z * precision
        by_deviations[j] += slope
    if len(old):
        weight = kl_coefficient * inverse_rows
        _distance(means, deviations, precisions, old, rows, weight, by_means, by_deviations, terms)


@kernel
def _parted(room, count):
    """Two arrays of numbers, and one of int32."""
    return room[:count], room[count : 2 * count], room[2 * count : 3 * count].view(np.int32)


@kernel(fused=True)
def _total(prices, rows):
    """Sum over rows of a column, or 0 where there is none."""
    total = f(0.0)
    if len(prices):
        for i in range(len(rows)):
            total += prices[rows[i]]
    return total


@kernel(fused=True)
def _distance(means, deviations, precisions, old, rows, weight, by_means, by_deviations, terms):
    """Add the divergence from the policy that drew the actions, `weight` times."""
    entries = means.shape[1]
    for i in range(len(rows)):
        row = rows[i]
        for j in range(entries):
            old_deviation = old[row, entries + j]
            missed = means[i, j] - old[row, j]
            precision = precisions[j] * precisions[j]
            ratio = (np.exp(f(2.0) * old_deviation) + missed * missed) * precision
            by_means[i, j] += weight * missed * precision
            by_deviations[j] += weight * (f(1.0) - ratio)
            terms[DIVERGENCE] += deviations[j] - old_deviation + f(0.5) * ratio - f(0.5)


@kernel(fused=True)
def categorical(logits, part, options, rows, by_logits, terms, room):
    """A categorical distribution; arguments as for `normal`.

    Args:
        logits: ``(n, K)``.
        part: columns, with actions ``(R,)``.
        options, rows, terms: as for `normal`.
        by_logits: gradient, ``(n, K)``; written.
        room: as for `normal`, and K numbers more.
    """
    actions, old_log_probability, advantages, prices, old = part
    clip, entropy_coefficient, kl_coefficient, inverse_rows = options
    count, choices = logits.shape
    changes, ratios, whole = _parted(room, count)
    normalisers, expected, shares = room[3 * count : ROOM * count].reshape(3, count)
    others = room[ROOM * count : ROOM * count + choices]
    values, result = logits.reshape(count * choices), by_logits.reshape(count * choices)
    for i in range(count):
        first, row = i * choices, rows[i]
        most, total, weighted = softmax(values, first, choices, result, first)
        normalisers[i], shares[i] = most + np.log(total), f(1.0) / total
        expected[i] = weighted * shares[i]
        changes[i] = values[first + actions[row]] - normalisers[i] - old_log_probability[row]
    surrogate(changes, advantages, rows, clip, inverse_rows, ratios, whole, terms)
    weight, entropies, divergence = kl_coefficient * inverse_rows, f(0.0), f(0.0)
    for i in range(count):
        first, row = i * choices, rows[i]
        by_entropy = -entropy_coefficient * inverse_rows
        if len(prices):
            by_entropy -= prices[row] * inverse_rows
        entropies += normalisers[i] - expected[i]
        shared = by_entropy * expected[i] - changes[i]
        if len(old):
            shared += weight
        share = shares[i]
        for j in range(choices):
            by_logits[i, j] *= share * (shared - by_entropy * logits[i, j])
        by_logits[i, actions[row]] += changes[i]
        if len(old):
            divergence += normalisers[i]
            divergence += _apart(logits[i], old[row], others, weight, by_logits[i])
    terms[ENTROPY] += entropies
    terms[DIVERGENCE] += divergence


@kernel(fused=True)
def _apart(logits, old, others, weight, by_logits):
    """Of one row, less the log of its normaliser; `others` is room for the old probabilities."""
    most, total, _ = softmax(old, 0, len(old), others, 0)
    apart, share = -most - np.log(total), f(1.0) / total
    for j in range(len(old)):
        probability = others[j] * share
        apart += probability * (old[j] - logits[j])
        by_logits[j] -= weight * probability
    return apart
