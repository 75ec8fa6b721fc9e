"""From a policy's outputs to PPO's loss and its gradient, row by row.

Schulman et al. 2017 (PPO), eq. 7, with the exact information cost of every row: its price times
KL(π(·|o) ‖ uniform), which is a constant minus the entropy. What the torch functions beside these
do is in `ppo.gradients` and `policies.distributions`; tests hold the two together. Letters: n rows
of a block, K logits or A action entries.
"""

from __future__ import annotations

import math

import numpy as np

from ...envs.core.kernels.compiled import kernel
from .elementwise import exp_below, largest

f = np.float32
HALF_LOG_TWO_PI = f(0.5 * math.log(2.0 * math.pi))
POLICY_LOSS, VALUE_LOSS, ENTROPY, CLIPPED, DIVERGENCE = range(5)
TERMS = 5
"""Entries of the sums of terms."""


@kernel(fused=True)
def surrogate(log_probability, old, advantage, clip, inverse_rows, terms):
    """Derivative of the mean clipped surrogate by one row's log-probability."""
    ratio = f(math.exp(log_probability - old))
    clipped = ratio
    if ratio < f(1.0) - clip:
        clipped = f(1.0) - clip
    elif ratio > f(1.0) + clip:
        clipped = f(1.0) + clip
        # A product, so that a value that is not finite stays one.
    followed = f(1.0) if advantage * ratio <= advantage * clipped else f(0.0)
    terms[POLICY_LOSS] -= min(advantage * ratio, advantage * clipped)
    terms[CLIPPED] += ratio != clipped
    return -advantage * inverse_rows * ratio * followed


@kernel(fused=True)
def value_error(values, targets, rows, scale, coefficient, inverse_rows, by_value, terms):
    """Squared value error of a block: values ``(n, 1)`` unscaled, `rows` of the targets."""
    for i in range(len(rows)):
        missed = (values[i, 0] * scale - targets[rows[i]]) / scale
        by_value[i, 0] = missed * (f(2.0) * coefficient * inverse_rows)
        terms[VALUE_LOSS] += missed * missed


@kernel(fused=True)
def normal(means, deviations, part, options, rows, by_means, by_deviations, terms):
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
    """
    actions, old_log_probability, advantages, prices, old = part
    clip, entropy_coefficient, kl_coefficient, inverse_rows = options
    entries = means.shape[1]
    entropy, precisions = f(0.0), np.exp(-deviations)
    for j in range(entries):
        entropy += deviations[j] + f(0.5) + HALF_LOG_TWO_PI
    for i in range(len(rows)):
        row = rows[i]
        log_probability = f(0.0)
        for j in range(entries):
            z = (actions[row, j] - means[i, j]) * precisions[j]
            log_probability -= f(0.5) * z * z + deviations[j] + HALF_LOG_TWO_PI
        chosen = surrogate(
            log_probability, old_log_probability[row], advantages[row], clip, inverse_rows, terms
        )
        by_entropy = -entropy_coefficient * inverse_rows
        if len(prices):
            by_entropy -= prices[row] * inverse_rows
        terms[ENTROPY] += entropy
        for j in range(entries):
            z = (actions[row, j] - means[i, j]) * precisions[j]
            by_means[i, j] = chosen * z * precisions[j]
            by_deviations[j] += chosen * (z * z - f(1.0)) + by_entropy
        if len(old):
            weight = kl_coefficient * inverse_rows
            for j in range(entries):
                old_deviation = old[row, entries + j]
                missed = means[i, j] - old[row, j]
                precision = precisions[j] * precisions[j]
                ratio = (np.exp(f(2.0) * old_deviation) + missed * missed) * precision
                by_means[i, j] += weight * missed * precision
                by_deviations[j] += weight * (f(1.0) - ratio)
                terms[DIVERGENCE] += deviations[j] - old_deviation + f(0.5) * ratio - f(0.5)


@kernel(fused=True)
def softmax(logits, probabilities, whole):
    """Of one row, ``(K,)``; returns the log of the normaliser."""
    most = largest(logits)
    exp_below(most, logits, probabilities, whole)
    total = f(0.0)
    for j in range(len(logits)):
        total += probabilities[j]
    share = f(1.0) / total
    for j in range(len(logits)):
        probabilities[j] *= share
    return most + np.log(total)


@kernel(fused=True)
def categorical(logits, part, options, rows, by_logits, room, whole, terms):
    """A categorical distribution; arguments as for `normal`.

    Args:
        logits: ``(n, K)``.
        part: columns, with actions ``(R,)``.
        options, rows, terms: as for `normal`.
        by_logits: gradient, ``(n, K)``; written.
        room, whole: ``(2, K)`` and ``(K,)`` int32.
    """
    actions, old_log_probability, advantages, prices, old = part
    clip, entropy_coefficient, kl_coefficient, inverse_rows = options
    count = logits.shape[1]
    probabilities, others = room[0], room[1]
    for i in range(len(rows)):
        row = rows[i]
        normaliser = softmax(logits[i], probabilities, whole)
        expected = f(0.0)
        for j in range(count):
            expected += probabilities[j] * logits[i, j]
        entropy = normaliser - expected
        chosen = surrogate(
            logits[i, actions[row]] - normaliser,
            old_log_probability[row],
            advantages[row],
            clip,
            inverse_rows,
            terms,
        )
        by_entropy = -entropy_coefficient * inverse_rows
        if len(prices):
            by_entropy -= prices[row] * inverse_rows
        terms[ENTROPY] += entropy
        shared = -(chosen + by_entropy * (entropy - normaliser))
        for j in range(count):
            by_logits[i, j] = probabilities[j] * (shared - by_entropy * logits[i, j])
        by_logits[i, actions[row]] += chosen
        if len(old):
            weight = kl_coefficient * inverse_rows
            divergence = normaliser - softmax(old[row], others, whole)
            for j in range(count):
                by_logits[i, j] += weight * (probabilities[j] - others[j])
                divergence += others[j] * (old[row, j] - logits[i, j])
            terms[DIVERGENCE] += divergence
