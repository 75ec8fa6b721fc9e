"""One step of all copies, compiled: hedges, the price, a request, and whom it goes to.

Copies differ in what is asked for and who is in reach, so that arrays would compute every tier and
size for all of them. Where pay is in the mean over requests, that is what is done here.
"""

from __future__ import annotations

import math
from typing import Any

from ..core.kernels.compiled import kernel

ROUNDS = 4  # of Newton's method for Lambert's function: to the last digit from these starts


@kernel
def advance(
    markup: Any, hedge: Any, inventory: Any, price: Any, gamma: Any, reach: Any, bend: Any,
    chance: Any, sizes: Any, alphas: Any, betas: Any, terms: Any, flags: Any, uniforms: Any,
    reach_uniforms: Any, normal: Any, edges: Any, volume: Any, hedged: Any, won: Any, asked: Any,
    reward: Any, won_now: Any, shown: Any, dealt: Any,
) -> None:  # fmt: skip
    """Change the state, from `inventory` on the left to `asked`, and fill in what the step brings.

    Args:
        markup: bp, ``(B, D, T, Z, 2)``, side 0 raises the inventory.
        hedge: M, ``(B, D)``; what was done comes back in it.
        inventory, price, gamma, reach: ``(B, D)``, ``(B,)``, ``(B, D)``, ``(B, D)``.
        bend: A of a worth −A q² / 2 of inventories, whose rise is paid for, bp / M, ``(B, D)``.
        chance: of a tier and size among requests, ``(B, T, Z)``, 1 in sum.
        sizes, alphas, betas: ``(Z,)``, ``(T,)``, ``(T,)``.
        terms: Q, ψ, η / dt, k, σ √dt, σ² dt / 2, what rewards are divided by, ``(7,)``.
        flags: whether gains from the price are realised, and whether requests are, ``(2,)``.
        uniforms: of the request, its side and the choice, ``(B, 3)``.
        reach_uniforms, normal: ``(B, D)``, ``(B,)``.
        edges: bounds of the mark-ups of the flow curve, ``(K + 1,)``.
        volume, hedged: M of the episode, ``(B, D)``.
        won, asked: requests of the episode by size, ``(B, D, Z)``, ``(B, Z)``.
        reward: ``(B, D)``.
        won_now: 1 for the request that was won, ``(B, D, Z)``, all 0 before.
        shown, dealt: requests shown a mark-up of the curve, and dealt, ``(B, T, K)``, all 0 before.
    """
    B, D = inventory.shape
    T, Z = alphas.shape[0], sizes.shape[0]
    most, psi, depth, impact, noise, risk, unit = terms
    for b in range(B):
        moved = 0.0
        for i in range(D):
            held = min(max(inventory[b, i] + hedge[b, i], -most), most)
            hedge[b, i] = held - inventory[b, i]
            moved += hedge[b, i]
        step = impact * moved
        told = step + noise * normal[b] if flags[0] else step
        price[b] += step + noise * normal[b]
        for i in range(D):
            xi = hedge[b, i]
            earned = inventory[b, i] * told - psi * abs(xi) - depth * xi * xi
            earned -= 0.5 * bend[b, i] * xi * (2.0 * inventory[b, i] + xi)
            inventory[b, i] += xi
            earned -= gamma[b, i] * risk * inventory[b, i] * inventory[b, i]
            hedged[b, i] += abs(xi)
            reward[b, i] = earned
        # What is asked for.
        u, t, z = uniforms[b, 0], 0, 0
        found = False
        for tier in range(T):
            for size in range(Z):
                if not found:
                    t, z = tier, size
                    if u < chance[b, tier, size]:
                        found = True
                    else:
                        u -= chance[b, tier, size]
        side = 0 if uniforms[b, 1] < 0.5 else 1
        if not flags[1]:
            for tier in range(T):
                for size in range(Z):
                    for way in range(2):
                        total = 1.0
                        for i in range(D):
                            after = inventory[b, i] + (sizes[size] if way == 0 else -sizes[size])
                            if reach_uniforms[b, i] < reach[b, i] and abs(after) <= most:
                                total += math.exp(
                                    -alphas[tier] - betas[tier] * markup[b, i, tier, size, way]
                                )
                        for i in range(D):
                            after = inventory[b, i] + (sizes[size] if way == 0 else -sizes[size])
                            if reach_uniforms[b, i] < reach[b, i] and abs(after) <= most:
                                delta = markup[b, i, tier, size, way]
                                share = math.exp(-alphas[tier] - betas[tier] * delta) / total
                                rate = 0.5 * chance[b, tier, size]
                                reward[b, i] += (
                                    rate
                                    * share
                                    * (
                                        sizes[size] * delta
                                        - 0.5 * bend[b, i] * (after**2 - inventory[b, i] ** 2)
                                    )
                                )
        # Whom it goes to.
        asked[b, z] += 1.0
        signed = sizes[z] if side == 0 else -sizes[z]
        total = 1.0
        for i in range(D):
            open_ = abs(inventory[b, i] + signed) <= most
            if reach_uniforms[b, i] < reach[b, i] and open_:
                total += math.exp(-alphas[t] - betas[t] * markup[b, i, t, z, side])
        left = uniforms[b, 2] * total
        for i in range(D):
            open_ = abs(inventory[b, i] + signed) <= most
            if not (reach_uniforms[b, i] < reach[b, i] and open_):
                continue
            delta = markup[b, i, t, z, side]
            weight = math.exp(-alphas[t] - betas[t] * delta)
            wins = 0.0 <= left < weight
            left -= weight
            for place in range(edges.shape[0] - 1):
                if edges[place] <= delta < edges[place + 1]:
                    shown[b, t, place] += 1.0
                    if wins:
                        dealt[b, t, place] += 1.0
            if wins:
                before = inventory[b, i]
                inventory[b, i] += signed
                volume[b, i] += sizes[z]
                won[b, i, z] += 1.0
                won_now[b, i, z] = 1.0
                if flags[1]:
                    reward[b, i] += sizes[z] * delta
                    reward[b, i] -= 0.5 * bend[b, i] * (inventory[b, i] ** 2 - before**2)
        for i in range(D):
            reward[b, i] /= unit


@kernel
def best_quotes(shadow: Any, alphas: Any, betas: Any, out: Any) -> None:
    """Best mark-ups δ* for shadow prices, ``(n, T, Z, 2)``, into an array of that shape.

    Lambert's function w + ln w = x, x = −1 − α − β p, by Newton's method.
    """
    n, T, Z = shadow.shape[0], shadow.shape[1], shadow.shape[2]
    for row in range(n):
        for t in range(T):
            for z in range(Z):
                for side in range(2):
                    p = shadow[row, t, z, side]
                    x = -1.0 - alphas[t] - betas[t] * p
                    w = math.exp(x)
                    if x > 1.0:
                        w = x - math.log(x)
                    elif x > -2.0:
                        w = math.exp(x) / (1.0 + 0.76 * math.exp(0.7 * x))
                    if x > -36.0:
                        for _ in range(ROUNDS):
                            w *= (1.0 + x - math.log(w)) / (1.0 + w)
                    out[row, t, z, side] = p + (1.0 + w) / betas[t]
