"""Currency dealers against what was derived: ladders, hedges, the step game, compositions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.fx_dealer.clients import Alone
from pacesetter.envs.fx_dealer.composition import Composition
from pacesetter.envs.fx_dealer.hjb import alone, riccati
from pacesetter.envs.fx_dealer.information import information
from pacesetter.envs.fx_dealer.presets import PRESETS
from pacesetter.envs.fx_dealer.quantities import OFFSETS
from pacesetter.envs.fx_dealer.step_game import StepGame
from pacesetter.envs.registry import make

# Gain, no-hedge zone, internalisation, deviation, volume, curvature, closed form, spreads of 1 M.
SINGLE = {
    "usdcnh": (216.6332, 20.7404, 0.998057, 7.13245, 1524.755, 0.0132700, 0.0128717, (0.32196,)),
    "eurusd_2022": (
        2103.319, 6.5959, 0.901026, 8.07817, 9307.445, 0.0200712, 0.0187571, (0.36509, 0.78632),
    ),
    "eurusd_2021": (
        1696.462, 64.2324, 0.999926, 16.50487, 9894.281, 0.0055051, 0.0055065, (0.26292, 0.54406),
    ),
}  # fmt: skip
PUBLISHED_SPREADS = {"usdcnh": (0.32,), "eurusd_2021": (0.26, 0.55)}
SHARED = replace(PRESETS["eurusd_2022"], most_inventory=100.0)
PLANTED = (0.6740414, 0.8379983, 0.9), (0.01, 0.002, 0.0005)


@pytest.mark.parametrize("preset", SINGLE)
def test_the_best_ladder_of_a_dealer_alone(preset):
    gain, zone, kept, deviation, volume, curvature, closed, spreads = SINGLE[preset]
    pair = PRESETS[preset]
    dealer = alone(pair, pair.risk_aversion)
    best = dealer.solve()
    assert best.gain == pytest.approx(gain, rel=1e-6)
    assert dealer.zone(best.value) == pytest.approx(zone, abs=1e-3)
    assert best.internalisation == pytest.approx(kept, abs=1e-5)
    assert best.deviation == pytest.approx(deviation, rel=1e-5)
    assert best.client_volume == pytest.approx(volume, rel=1e-5)
    assert best.curvature == pytest.approx(curvature, rel=1e-4)
    assert riccati(pair) * np.sqrt(pair.risk_aversion) == pytest.approx(closed, rel=1e-4)
    found = best.markup[best.at(0.0), :, 0].sum(axis=-1)
    np.testing.assert_allclose(found, spreads, atol=1e-5)
    if preset in PUBLISHED_SPREADS:
        np.testing.assert_allclose(found, PUBLISHED_SPREADS[preset], atol=0.006)


def test_risk_neutral_markups_and_fills():
    for preset, expected in (
        ("usdcnh", [(0.1567, 0.362)]),
        ("eurusd_2022", [(0.1773, 0.487), (0.3857, 0.259)]),
        ("eurusd_2021", [(0.1300, 0.487), (0.2700, 0.259)]),
    ):
        pair = PRESETS[preset]
        for (markup, fill), a, b in zip(expected, pair.alphas, pair.betas, strict=True):
            found, share = Alone(a, b).best(np.zeros(1))
            assert (found[0], share[0]) == pytest.approx((markup, fill), abs=6e-4)


def test_flow_against_price():
    offsets = np.array([-0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.5])
    for preset, tier, shares in (
        ("eurusd_2022", 0, [0.984, 0.953, 0.870, 0.690, 0.426, 0.198, 0.027]),
        ("eurusd_2022", 1, [0.731, 0.657, 0.574, 0.488, 0.401, 0.321, 0.190]),
        ("eurusd_2021", 0, [0.993, 0.968, 0.870, 0.599, 0.250, 0.069, 0.004]),
        ("eurusd_2021", 1, [0.786, 0.690, 0.574, 0.450, 0.332, 0.231, 0.100]),
    ):
        pair = PRESETS[preset]
        found = Alone(pair.alphas[tier], pair.betas[tier]).dealt(offsets)
        np.testing.assert_allclose(found, shares, atol=6e-4)


def test_halving_the_grid_moves_the_ladder_little_and_the_table_is_met():
    pair = PRESETS["eurusd_2022"]
    best = alone(pair, pair.risk_aversion, step=0.5).solve()
    assert best.gain == pytest.approx(2107.392, abs=0.01)
    ladder = {  # sensitive 1, 10, 50 M; insensitive 1, 10, 50 M: bid, ask
        0: [0.183, 0.183, 0.236, 0.236, 0.547, 0.547, 0.393, 0.393, 0.461, 0.461, 0.767, 0.767],
        20: [0.467, 0.058, 0.544, 0.076, 0.910, 0.230, 0.693, 0.155, 0.764, 0.200, 1.113, 0.455],
        50: [
            1.009, -0.023, 1.094, -0.014, 1.481, 0.038, 1.209, -0.088, 1.293, -0.058, 1.677, 0.101,
        ],
    }  # fmt: skip
    for q, expected in ladder.items():
        found = best.markup[best.at(q)][:, [0, 2, 4]].ravel()
        np.testing.assert_allclose(found, expected, atol=6e-4)
        mirrored = best.markup[best.at(-q)][:, [0, 2, 4], ::-1].ravel()
        np.testing.assert_allclose(mirrored, expected, atol=6e-4)
    for q, hedge in ((20, -7982.0), (50, -27674.0)):
        assert best.hedge[best.at(q)] == pytest.approx(hedge, abs=1.0)


def test_the_figures_of_the_paper_at_a_finite_horizon():
    pair = PRESETS["usdcnh"]
    dealer = alone(pair, pair.risk_aversion)
    value, hedge = dealer.finite(0.05, 100)
    assert value[[100, 0, 200]] == pytest.approx([11.342, -48.722, -48.722], abs=2e-3)
    assert abs(hedge[-1]) / 86400.0 == pytest.approx(0.2385, abs=1e-3)


def test_what_widens_and_narrows_the_zone_without_hedge():
    base = PRESETS["usdcnh"]
    for changes, gamma, zone in (
        ({"spread_cost": 0.4}, 5e-4, 34.054),
        ({"impact": 0.01}, 5e-4, 31.569),
        ({}, 5e-3, 4.350),
        ({"rates": tuple(3.0 * rate for rate in base.rates)}, 5e-4, 50.619),
    ):
        dealer = alone(replace(base, **changes), gamma)
        assert dealer.zone(dealer.solve().value) == pytest.approx(zone, abs=2e-3)


def test_ladders_by_aversion_to_risk():
    pair = PRESETS["eurusd_2022"]
    for gamma, zone, kept, deviation, skew, large in (
        (0.0005, 20.891, 0.979, 14.66, -0.105, 0.350),
        (0.001, 11.215, 0.944, 10.92, -0.149, 0.433),
        (0.005, 3.5, 0.832, 5.4, -0.317, 0.781),
        (0.01, 2.1, 0.757, 3.9, -0.438, 1.044),
        (0.02, 1.2, 0.654, 2.6, -0.606, 1.417),
    ):
        dealer = alone(pair, gamma)
        best = dealer.solve()
        bid, ask = best.markup[best.at(20.0), 0, 0]
        assert dealer.zone(best.value) == pytest.approx(zone, abs=0.06)
        assert best.internalisation == pytest.approx(kept, abs=6e-4)
        assert best.deviation == pytest.approx(deviation, abs=0.06)
        assert (ask - bid) / 2.0 == pytest.approx(skew, abs=6e-4)
        assert best.markup[best.at(0.0), 0, -1, 0] == pytest.approx(large, abs=6e-4)


def test_the_step_game_and_what_else_is_worth():
    pair = PRESETS["eurusd_2022"]
    dealer = alone(pair, pair.risk_aversion)
    game = StepGame(dealer)
    best = game.solve()
    assert best.gain == pytest.approx(2114.984, abs=0.01)
    assert best.internalisation == pytest.approx(0.890, abs=1e-3)
    for q, hedge in ((20.0, -1.07), (50.0, -3.64)):
        assert best.hedge[best.at(q)] * pair.dt == pytest.approx(hedge, abs=0.006)
    usdcnh = StepGame(alone(PRESETS["usdcnh"], 5e-4)).solve()
    assert usdcnh.gain == pytest.approx(216.6526, abs=2e-4)
    # In continuous time: the closed form, quotes without hedge, and a flat ladder.
    solved = dealer.solve()
    q = solved.inventory
    market = make("fx_dealer")
    gamma = np.full(len(q), pair.risk_aversion)
    neutral = np.array([[[0.17733]], [[0.3857011]]])
    flat = np.broadcast_to(neutral, solved.markup.shape)
    hedge = solved.hedge
    ladder, _ = market.ladders.closed_form(q, gamma, 1.0 + 0.0 * q)
    assert dealer.evaluate(solved.markup, 0.0 * q).gain == pytest.approx(1938.87, abs=0.01)
    assert dealer.evaluate(ladder, hedge).gain / solved.gain == pytest.approx(1.0, abs=0.01)
    own = game.evaluate(*market.ladders.closed_form(q, gamma, 1.0 + 0.0 * q))
    assert own.gain / best.gain == pytest.approx(0.9995, abs=2e-3)
    # The more averse to risk, the farther the closed form is off.
    averse = market.step_game(0.01)
    own = averse.evaluate(*market.ladders.closed_form(q, 0.0 * q + 0.01, 1.0 + 0.0 * q))
    assert own.gain / averse.solve().gain == pytest.approx(0.988, abs=1e-3)
    assert dealer.evaluate(flat, hedge).gain == pytest.approx(54.596, abs=0.05)
    assert dealer.evaluate(flat, 0.0 * q).gain == pytest.approx(-44966.2, abs=1.0)


def test_mark_ups_without_aversion_to_risk():
    for reach, sensitive, insensitive in (
        (0.25, 0.1668, 0.3772),
        (0.5, 0.1541, 0.3681),
        (0.75, 0.1397, 0.3586),
        (1.0, 0.1259, 0.3490),
    ):
        markup, _ = Composition(SHARED, (reach,) * 3, (0.0,) * 3).static()
        np.testing.assert_allclose(markup, [[sensitive, insensitive]] * 3, atol=6e-5)
    markup, share = Composition(SHARED, (0.3008, 0.6573, 0.9), (0.0,) * 3).static()
    np.testing.assert_allclose(markup[:, 0], [0.1397, 0.1456, 0.1530], atol=6e-5)
    requests = share.mean(axis=1)
    assert requests.sum() == pytest.approx(0.5349, abs=1e-4)
    np.testing.assert_allclose(requests / requests.sum(), [0.15, 0.35, 0.5], atol=2e-4)


def test_the_oblivious_equilibrium_of_a_planted_composition():
    found = Composition(SHARED, *PLANTED, sensitive_share=0.5).equilibrium()
    np.testing.assert_allclose(found.volume_share, [0.15, 0.35, 0.5], atol=1e-3)
    np.testing.assert_allclose(found.request_share, [0.1152, 0.1970, 0.2362], atol=5e-4)
    np.testing.assert_allclose(found.internalisation, [0.5814, 0.8665, 0.9682], atol=1e-3)
    np.testing.assert_allclose(found.by_size[0, [0, -1]], [0.150, 0.004], atol=1e-3)
    np.testing.assert_allclose(found.by_size[2, [0, -1]], [0.237, 0.130], atol=1e-3)


def test_what_outcomes_tell_of_reach_and_of_the_mix():
    planted = Composition(SHARED, *PLANTED, sensitive_share=0.5)
    names = ["connectivity_1", "connectivity_2", "connectivity_3", "sensitive_share"]
    told = information(planted, names)
    for known, least in ((3, [0.0163, 0.0163, 0.0161]), (4, [0.0339, 0.0476, 0.0525, 0.0818])):
        covariance = np.linalg.inv(told[:known, :known]) / 10_000
        np.testing.assert_allclose(np.sqrt(np.diag(covariance)), least, rtol=0.02)


def test_equal_dealers_and_one_alone():
    equal = Composition(SHARED, (1.0,) * 3, (0.002,) * 3).equilibrium()
    one = equal.dealers[0]
    assert one.markup[one.at(0.0), 0, 0, 0] == pytest.approx(0.1395, abs=1e-4)
    assert equal.request_share.sum() == pytest.approx(0.633, abs=1.5e-3)
    np.testing.assert_allclose(equal.internalisation, 0.882, atol=1e-3)
    single = Composition(SHARED, (1.0,), (0.002,)).equilibrium()
    assert single.gain[0] == pytest.approx(2103.344, abs=0.05)


@pytest.mark.parametrize(
    ("connectivity", "aversion", "share", "skew"),
    [
        ((0.8, 0.8, 0.8), (0.002, 0.002, 0.0005), 0.397, -0.075),
        ((0.8, 0.8, 0.8), (0.002, 0.002, 0.02), 0.174, -0.385),
        ((0.6, 0.6, 0.2), (0.002,) * 3, 0.114, -0.182),
        ((0.6, 0.6, 0.9), (0.002,) * 3, 0.460, -0.134),
    ],
)
def test_shares_and_skews_by_type(connectivity, aversion, share, skew):
    found = Composition(SHARED, connectivity, aversion).equilibrium()
    last = found.dealers[2]
    bid, ask = last.markup[last.at(10.0), 0, 0]
    assert found.volume_share[2] == pytest.approx(share, abs=1.5e-3)
    assert (ask - bid) / 2.0 == pytest.approx(skew, abs=1.5e-3)


def test_the_market_plays_the_step_game():
    """What a dealer by the closed form comes to in the market is what the solver says of it."""
    market = make("fx_dealer", dealers_are="closed_form", start="stationary")
    pair, gamma = market.pair, market.pair.risk_aversion
    game = market.step_game(gamma)
    grid = game.inventory
    own = game.evaluate(*market.ladders.closed_form(grid, 0.0 * grid + gamma, 0.0 * grid + 1.0))
    copies = 600
    state = market.reset(10, copies)
    for step_number in range(2 * market.steps_per_episode):
        step = market.step(state, {})
        state = step.state
        if step_number == market.steps_per_episode - 1:
            state = replace(state, volume=0.0 * state.volume, hedged=0.0 * state.hedged)
    days = copies * market.steps_per_episode * pair.dt
    # 1,800 requests of 600 episodes: standard errors of about 25 M per day, 0.004 and 0.06 M.
    assert state.volume.sum() / days == pytest.approx(own.client_volume, rel=0.015)
    assert 1.0 - state.hedged.sum() / state.volume.sum() == pytest.approx(
        own.internalisation, abs=0.01
    )
    assert state.inventory.std() == pytest.approx(own.deviation, rel=0.1)


def test_pay_in_the_mean_is_the_mean_of_what_is_paid():
    rewards = {}
    for kind in ("expected", "realised"):
        market = make("fx_dealer", request_pnl=kind, dealers=2, design="composition")
        state = market.reset(10, 4000, [0.6, 0.9, *np.log([0.002, 0.002]), 0.5])
        quotes = np.tile(np.linspace(-0.6, -0.3, 21), (4000, 2, 1))
        rewards[kind] = market.step(state, {"dealer": quotes}).rewards["dealer"]
    noise = rewards["realised"].std(axis=0) / np.sqrt(4000)
    gap = rewards["expected"].mean(axis=0) - rewards["realised"].mean(axis=0)
    assert (np.abs(gap) < 3.5 * noise).all()
    assert (rewards["expected"].std(axis=0) < 0.6 * rewards["realised"].std(axis=0)).all()


def test_a_potential_pays_what_inventories_are_worth_in_the_end():
    generator = np.random.default_rng(10)
    actions = [generator.uniform(-1.0, 0.4, (20, 1, 21)) for _ in range(15)]
    paid, last = {}, {}
    for potential in ("none", "closed_form"):
        market = make("fx_dealer", potential=potential, start="stationary")
        state = first = market.reset(10, 20)
        total = 0.0
        for action in actions:
            step = market.step(state, {"dealer": action})
            state, total = step.state, total + step.rewards["dealer"]
        paid[potential], last[potential] = total, state.inventory
    np.testing.assert_array_equal(last["none"], last["closed_form"])
    A = riccati(market.pair) * np.sqrt(market.pair.risk_aversion)
    worth = -0.5 * A * (last["none"] ** 2 - first.inventory**2) / market.ladders.neutral_per_step
    np.testing.assert_allclose(paid["closed_form"] - paid["none"], worth, atol=1e-9)


def test_a_hedge_is_zero_in_reach_and_costs_what_it_says():
    market = make("fx_dealer", preset="usdcnh")
    actions = np.zeros((3, 9))
    actions[:, -1] = 0.09, 1.0, -1.0
    markup, hedge = market.ladders.of_actions(actions)
    np.testing.assert_allclose(hedge, [0.0, 10.0, -10.0])
    np.testing.assert_allclose(markup, 0.8)
    pair = market.pair
    state = replace(market.reset(10, 3), inventory=np.full((3, 1), 20.0))
    shocks = {
        "price": np.zeros(3),
        "request": np.full((3, 3), 0.999),  # the choice falls on nobody
        "reach": np.zeros((3, 1)),
    }
    step = market.transition(state, {"dealer": actions[:, None]}, shocks)
    held = 20.0 + hedge
    paid = pair.impact * 20.0 * hedge - pair.spread_cost * np.abs(hedge)
    paid -= pair.depth_cost * hedge**2 / pair.dt
    paid -= 0.5 * pair.risk_aversion * pair.volatility**2 * held**2 * pair.dt
    np.testing.assert_allclose(step.rewards["dealer"][:, 0], paid / market.ladders.neutral_per_step)
    np.testing.assert_allclose(step.state.inventory[:, 0], held)
    np.testing.assert_allclose(step.state.price, pair.impact * hedge)


def test_rewards_are_counted_in_what_a_neutral_dealer_earns():
    for preset, unit in (("eurusd_2022", 0.494), ("usdcnh", 0.145)):
        assert make("fx_dealer", preset=preset).ladders.neutral_per_step == pytest.approx(
            unit, abs=5e-4
        )


def curve(tmp_path, *lines):
    """A file of these lines, under the usual header."""
    path = tmp_path / "curve.csv"
    path.write_text("\n".join(["tier,offset,share", *lines]))
    return str(path)


def test_losses_of_an_episode_count_from_its_shares_and_its_flow():
    """Summed up again from path quantities; only the last step of an episode is charged."""
    target = (0.98, 0.95, 0.9, 0.7, 0.5, 0.3, 0.2, 0.1)
    market = make(
        "fx_dealer", dealers=2, design="connectivity_and_tiers", dealers_are="closed_form",
        target_shares=(0.4, 0.6), target_flow=target, days=0.03,
    )  # fmt: skip
    assert market.characteristics.names == ("connectivity_1", "connectivity_2", "sensitive_share")
    state, totals = market.reset(10, 20, [0.9, 0.5, 0.7]), {}
    for _ in range(market.steps_per_episode):
        step = market.step(state, {})
        state = step.state
        for name, value in step.quantities.items():
            totals[name] = totals.get(name, 0.0) + value
    shown = np.stack([totals[f"shown_at_{k:g}"] for k in OFFSETS], axis=1)
    dealt = np.stack([totals[f"dealt_at_{k:g}"] for k in OFFSETS], axis=1)
    np.testing.assert_array_equal(shown, totals["shown_sensitive"] + totals["shown_insensitive"])
    gap = np.where(shown >= 30, (dealt / np.maximum(shown, 1) - target) / 0.03, np.nan)
    curve = np.nanmean(gap**2, axis=1)
    share = totals["volume"] / totals["volume"].sum(axis=1, keepdims=True)
    shares = (((share - [0.4, 0.6]) / 0.05) ** 2).mean(axis=1)
    np.testing.assert_allclose(totals["curve_loss"], curve)
    np.testing.assert_allclose(totals["share_loss"], shares)
    np.testing.assert_allclose(totals["calibration_loss"], curve + shares)
    # Seven in ten requests are of those who compare.
    sensitive, other = (totals[f"shown_{tier}"].sum() for tier in market.pair.tiers)
    assert sensitive > other


def test_clients_from_a_flow_curve(tmp_path):
    points = [
        f"{tier},{offset:g},{Alone(a, b).dealt(np.array(offset)):.9f}"
        for tier, a, b in (("sensitive", -1.9, 15.0), ("insensitive", -0.3, 5.0))
        for offset in (-0.2, 0.0, 0.2, 0.5)
    ]
    pair = make("fx_dealer", flow_curve=curve(tmp_path, *points)).pair
    np.testing.assert_allclose(pair.alphas, [-1.9, -0.3], atol=1e-5)
    np.testing.assert_allclose(pair.betas, [15.0, 5.0], atol=1e-4)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["sensitive,0,0.8", "sensitive,0.2,0.4", "insensitive,0,0.5"], "no points at 0.2 bp"),
        (["sensitive,0,0.8", "insensitive,0,0.5"], "no a second point"),
        (["sensitive,25,0.8"], "out of range"),
        (["sensitive,0.1,"], "missing"),
        (["sensitive,0.1,1.2"], "between 0 and 1"),
        (["sensitve,0.1,0.5"], "did you mean 'sensitive'"),
        (["sensitive,0,0.5", "sensitive,0,0.4"], "twice"),
        (
            ["sensitive,0,0.5", "sensitive,0.2,0.8", "insensitive,0,0.5", "insensitive,0.2,0.4"],
            "shares fall",
        ),
    ],
)
def test_flow_curves_that_are_none(tmp_path, lines, message):
    with pytest.raises(PacesetterError, match=message):
        make("fx_dealer", flow_curve=curve(tmp_path, *lines))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": (1.0, 5.0), "rates": (900.0,)}, "one rate per size"),
        ({"alphas": (-1.9, -0.3, 0.0)}, "one α and one β"),
        ({"sizes": (5.0, 1.0), "rates": (900.0, 10.0)}, "ascending"),
        ({"sizes": (0.5, 1.0), "rates": (900.0, 10.0)}, "whole millions"),
        ({"rates": (900.0, 540.0, 234.0, 90.0, -1.0)}, "above 0"),
        ({"most_inventory": 20.0}, "largest size"),
        ({"connectivity": 1.2}, "connectivity"),
        ({"risk_aversions": (-0.002,)}, "nobody likes risk"),
        ({"dealers": 3, "risk_aversions": (0.002, 0.01)}, "one for each"),
        ({"dealers": 2, "target_shares": (0.15, 0.35, 0.5)}, "give one for each"),
        ({"dealers": 2, "target_shares": (0.5, 0.6)}, "sum to 1.1"),
        ({"target_flow": (0.9, 0.5)}, "target_flow has 2 points"),
        ({"flow_curve": "nowhere.csv"}, "cannot be read"),
    ],
)
def test_contradictions_are_refused(options, message):
    with pytest.raises(PacesetterError, match=message):
        make("fx_dealer", **options)


def test_a_dealer_who_likes_risk_is_refused():
    with pytest.raises(PacesetterError, match="risk_aversion"):
        make("fx_dealer").reset(10, theta=[-0.002])
