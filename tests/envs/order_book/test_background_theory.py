"""The background market's parts against closed forms, and its agents against their rules."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book.background import agents, exchange, makers, random_numbers
from pacesetter.envs.order_book.background import layout as at
from pacesetter.envs.order_book.background.fundamental import fundamental_at
from pacesetter.envs.order_book.background.market import PRESETS, SECOND, BackgroundMarket
from pacesetter.envs.order_book.background.simulation import Markets
from pacesetter.envs.order_book.layout import BEST, BUY, CLOCK, EXTRA, OFFERED, SELL
from pacesetter.envs.order_book.matching import limit_order, market_order

DRAWS = 20_000
UNLIKELY = 1e-4  # level of every test of a distribution; seeds are fixed


def stream(seed=3):
    memory = np.zeros(1, dtype=np.int64)
    random_numbers.start_stream(memory, 0, seed, 0)
    return memory


def drawn(draw, *arguments):
    memory = stream()
    return np.array([draw(memory, 0, *arguments) for _ in range(DRAWS)])


def test_random_numbers_have_their_distributions():
    assert stats.kstest(drawn(random_numbers.uniform), "uniform").pvalue > UNLIKELY
    assert stats.kstest(drawn(random_numbers.normal), "norm").pvalue > UNLIKELY
    waits = drawn(random_numbers.exponential, 7.0)
    assert stats.kstest(waits, "expon", (0, 7.0)).pvalue > UNLIKELY
    dice = drawn(random_numbers.integer, 20, 50)
    assert stats.chisquare(np.bincount(dice, minlength=50)[20:]).pvalue > UNLIKELY
    assert dice.min() == 20 and dice.max() == 49


def test_streams_of_one_market_are_unrelated():
    firsts = np.zeros(DRAWS)
    for source in range(DRAWS):
        memory = np.zeros(1, dtype=np.int64)
        random_numbers.start_stream(memory, 0, 0, source)
        firsts[source] = random_numbers.uniform(memory, 0)
    assert stats.kstest(firsts, "uniform").pvalue > UNLIKELY
    assert abs(np.corrcoef(firsts[1:], firsts[:-1])[0, 1]) < 4 / math.sqrt(DRAWS)


def fundamentals(market, duration, parts=1, copies=2000):
    """The fundamental value after a duration, reached in so many steps, ``(copies,)``."""
    markets = Markets.opened(market, np.arange(copies))
    for row in range(copies):
        for part in range(1, parts + 1):
            fundamental_at(
                markets.memory[row],
                markets.reals[row],
                markets.parameters[row],
                market.open_ns + duration * part // parts,
            )
    return markets.reals[:, at.FUNDAMENTAL]


@pytest.mark.parametrize("parts", [1, 7])
def test_the_fundamental_value_is_an_ornstein_uhlenbeck_process(parts):
    reversion, volatility, duration = 1e-13, 1e-3, 6 * 3600 * SECOND
    market = BackgroundMarket(
        mean_reversion_per_ns=reversion, volatility_per_root_ns=volatility, shock_rate_per_ns=0
    )
    values = fundamentals(market, duration, parts)
    deviation = volatility * math.sqrt(-math.expm1(-2 * reversion * duration) / (2 * reversion))
    assert stats.kstest(values, "norm", (100_000, deviation)).pvalue > UNLIKELY


def test_without_reversion_the_fundamental_value_is_a_random_walk():
    market = BackgroundMarket(
        mean_reversion_per_ns=0, volatility_per_root_ns=1e-3, shock_rate_per_ns=0
    )
    values = fundamentals(market, 10**13)
    assert stats.kstest(values, "norm", (100_000, 1e-3 * 10**6.5)).pvalue > UNLIKELY


def test_shocks_come_at_their_rate_and_to_either_side():
    rate, duration = 1e-13, 10**13  # one shock expected
    market = BackgroundMarket(volatility_per_root_ns=0, shock_rate_per_ns=rate, shock_variance=0)
    jumps = (fundamentals(market, duration, copies=4000) - 100_000) / 1000
    # The difference of two Poisson numbers of mean one half, but for the reversion.
    numbers = np.round(jumps)
    assert np.abs(jumps - numbers).max() < 0.02
    expected = stats.skellam(rate * duration / 2, rate * duration / 2)
    for number in range(-2, 3):
        share, exact = (numbers == number).mean(), expected.pmf(number)
        assert share == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4000))


def test_the_fundamental_value_is_never_negative():
    market = BackgroundMarket(mean_price=10, volatility_per_root_ns=1e-3)
    assert fundamentals(market, 10**12, parts=5).min() == 0.0


def noise_times(market, seed):
    markets = Markets.opened(market, [seed])
    memory, reals, parameters = markets.memory[0], markets.reals[0], markets.parameters[0]
    here, times = int(memory[EXTRA]), []
    while memory[here + at.NOISE_TIME] != at.NEVER:
        times.append(int(memory[here + at.NOISE_TIME]))
        agents.next_noise_agent(memory, reals, parameters)
    return np.array(times)


@pytest.mark.parametrize("multiplier", [0.5, 1.0, 2.0])
def test_noise_agents_wake_once_with_a_u_quadratic_time(multiplier):
    market = BackgroundMarket(noise_agents=4000, noise_multiplier=multiplier)
    market_of_the_night = BackgroundMarket(
        noise_agents=4000, noise_multiplier=multiplier, open_ns=market.noise_open_ns
    )
    times = noise_times(market_of_the_night, 5)
    assert len(times) == 4000 * multiplier
    assert (np.diff(times) >= 0).all()
    place = (times - market.noise_open_ns) / (market.noise_close_ns - market.noise_open_ns)
    assert stats.kstest(place, lambda x: 4 * (x - 0.5) ** 3 + 0.5).pvalue > UNLIKELY
    # Those who wake before the opening do not trade.
    trading = noise_times(market, 5)
    assert len(trading) == (times >= market.open_ns).sum()


def test_latencies_are_those_of_a_line():
    market = BackgroundMarket(value_agents=100)
    markets = Markets.opened(market, np.arange(300))
    found = []
    for row in range(300):
        first = exchange.agent_of(markets.memory[row], 0)
        found.append(markets.memory[row, first + at.LATENCY :: at.AGENT_SIZE][:100])
    # The mean distance of two uniform points is a third of the line, 4.3 ms here.
    assert np.mean(found) == pytest.approx(4.3e6, rel=0.05)
    assert np.mean(found) == pytest.approx(market.line_length_ns / 3, rel=0.05)


def test_order_sizes_of_rmsc04_are_those_of_the_mixture():
    memory, parameters = stream(), BackgroundMarket().parameters()
    number, lognormal = 5 * DRAWS, stats.lognorm(1.2, scale=math.exp(2.9))
    sizes = np.array([agents.order_size(memory, 0, 0, parameters) for _ in range(number)])
    fixed = {100: 0.7, 200: 0.06, 300: 0.004, 400: 0.0329, 500: 0.001, 1000: 0.0003}
    shares = {
        size: weight + 0.2 * (lognormal.cdf(size + 0.5) - lognormal.cdf(size - 0.5))
        for size, weight in fixed.items()
    }
    shares[0] = 0.2 * lognormal.cdf(0.5)
    for size, share in shares.items():
        error = math.sqrt(share * (1 - share) / number)
        # Of N(100, 0.15) less than one in a thousand rounds to 99 or 101.
        allowed = 4 * error + (1e-3 if size == 100 else 0)
        assert (sizes == size).mean() == pytest.approx(share, abs=allowed)
    small = 0.2 * lognormal.cdf(89.5)
    assert (sizes < 90).mean() == pytest.approx(small, abs=4 * math.sqrt(small / number))
    assert agents.order_size(memory, 0, 35, parameters) == 35
    lots = BackgroundMarket.preset("rmsc03").parameters()
    drawn = {agents.order_size(memory, 0, 0, lots) for _ in range(2000)}
    assert drawn == set(range(20, 50))


# Agents -------------------------------------------------------------------------------------------


@pytest.fixture
def quiet():
    """One market maker, value and momentum agent, and a book of 99,990 to 100,010."""
    market = BackgroundMarket(
        market_makers=1,
        value_agents=1,
        momentum_agents=1,
        observation_variance=0,
        volatility_per_root_ns=0,
        size_mixture=False,
        belief_reversion_per_ns=0,
    )
    markets = Markets.opened(market, [0])
    book = markets.memory[0]
    for away, size in ((10, 5), (11, 1000)):
        limit_order(book, BUY, 100_000 - away, size, -1, 0, False)
        limit_order(book, SELL, 100_000 + away, size, -1, 0, False)
    queue = book[EXTRA] + book[book[EXTRA] + at.QUEUE]
    book[queue] = 0  # nobody is awake
    return markets


def queued(markets):
    """Events in the queue: time since the opening, kind, agent and three numbers."""
    book = markets.memory[0]
    queue = int(book[EXTRA] + book[book[EXTRA] + at.QUEUE])
    rows = book[queue + 3 : queue + 3 + 7 * int(book[queue])].reshape(-1, 7).tolist()
    return sorted([row[0] - markets.market.open_ns, *row[2:]] for row in rows)


def state_of(markets):
    return markets.memory[0], markets.reals[0], markets.parameters[0]


@pytest.mark.parametrize(("value", "side"), [(99_999.4, SELL), (100_000.0, BUY), (100_500.0, BUY)])
def test_a_value_agent_buys_at_or_above_the_mid(quiet, value, side):
    memory, reals, parameters = state_of(quiet)
    prices = []
    for _ in range(300):
        reals[at.FUNDAMENTAL] = value
        agents.value_reads(memory, parameters, 1)
        agents.value_decides(memory, reals, parameters, 1)
        order = next(e for e in queued(quiet) if e[1] == at.ORDER_ARRIVES)
        latency = memory[exchange.agent_of(memory, 1) + at.LATENCY]
        assert order[0] == 50 + latency and order[2:4] == [1, side] and 20 <= order[5] <= 49
        prices.append(order[4])
        memory[memory[EXTRA] + memory[memory[EXTRA] + at.QUEUE]] = 0
    away = 100_010 - np.array(prices) if side == BUY else np.array(prices) - 99_990
    assert away.min() == 0 and away.max() == 2 * 20 - 1
    assert (away == 0).mean() == pytest.approx(0.1 + 0.9 / 40, abs=0.07)


def test_a_value_agent_before_an_empty_side_quotes_its_belief(quiet):
    memory, reals, parameters = state_of(quiet)
    market_order(memory, BUY, 10**6, -1, 0)
    reals[at.FUNDAMENTAL] = 100_123.0
    agents.value_reads(memory, parameters, 1)
    agents.value_decides(memory, reals, parameters, 1)
    order = next(e for e in queued(quiet) if e[1] == at.ORDER_ARRIVES)
    assert order[4] == 100_123


def test_a_belief_is_discounted_to_the_close(quiet):
    memory, reals, parameters = state_of(quiet)
    parameters[at.BELIEF_REVERSION] = 1e-13
    market_order(memory, BUY, 10**6, -1, 0)
    reals[at.FUNDAMENTAL] = 101_000.0
    agents.value_reads(memory, parameters, 1)
    agents.value_decides(memory, reals, parameters, 1)
    order = next(e for e in queued(quiet) if e[1] == at.ORDER_ARRIVES)
    left = quiet.market.close_ns - quiet.market.open_ns
    assert order[4] == round(100_000 + 1000 * math.exp(-1e-13 * left))


def test_a_value_agent_cancels_before_it_looks(quiet):
    memory, _, parameters = state_of(quiet)
    agents.order_arrives(memory, parameters, 1, BUY, 99_995, 30)
    assert memory[BEST + BUY] == 99_995
    agents.value_reads(memory, parameters, 1)
    assert memory[BEST + BUY] == 99_990
    assert memory[exchange.agent_of(memory, 1) + at.SEEN_BID] == 99_990


def test_a_momentum_agent_follows_its_averages(quiet):
    memory, _, parameters = state_of(quiet)
    agent, mids, orders = exchange.agent_of(memory, 2), [], []
    generator = np.random.default_rng(2)
    for _ in range(160):
        double = 200_000 + int(generator.integers(-40, 40))
        memory[BEST + BUY], memory[BEST + SELL] = (double - 1) // 2, (double + 2) // 2
        mids.append(int(memory[BEST + BUY] + memory[BEST + SELL]))
        agents.momentum_reads(memory, parameters, 2)
        found = [e for e in queued(quiet) if e[1] == at.ORDER_ARRIVES]
        orders.append(found[0][3:] if found else None)
        memory[memory[EXTRA] + memory[memory[EXTRA] + at.QUEUE]] = 0
        if len(mids) >= 50:
            rises = np.mean(mids[-20:]) >= np.mean(mids[-50:])
            side = BUY if rises else SELL
            lot = memory[agent + at.LOT]
            assert orders[-1] == [side, memory[BEST + 1 - side], lot] and 1 <= lot <= 9
        else:
            assert orders[-1] is None
    assert {order[0] for order in orders if order} == {BUY, SELL}


def ladder(markets, side):
    levels = markets.levels(40)[0]
    rows = levels[:2] if side == BUY else levels[2:]
    return {price: size for price, size in rows.T.tolist() if size}


@pytest.mark.parametrize(("backstop", "skew"), [(0, 0.0), (0, 4.0), (700, 0.0)])
def test_a_market_maker_puts_up_ladders(quiet, backstop, skew):
    memory, reals, parameters = state_of(quiet)
    parameters[at.MAKER_BACKSTOP], parameters[at.MAKER_SKEW] = backstop, skew
    for _ in range(10):  # 300 shares bought, 100 sold: the ladders move up by half the skew
        agents.order_arrives(memory, parameters, -1, BUY, 100_011, 30)
        agents.order_arrives(memory, parameters, -1, SELL, 99_989, 10)
    makers.maker_cancels(memory, parameters, 0)
    makers.maker_reads(memory, reals, parameters, 0)
    spread = int(memory[BEST + SELL] - memory[BEST + BUY])
    middle = int(memory[BEST + SELL] + memory[BEST + BUY]) // 2
    average = 0.75 * spread + 0.25 * 50
    assert reals[at.SPREADS] == pytest.approx(average)
    before = {side: ladder(quiet, side) for side in (BUY, SELL)}
    makers.maker_quotes(memory, reals, parameters, 0)
    step, size, middle = round(5 * average), round(0.025 * 400), int(middle + 0.5 * skew)
    for side, sign, first in (
        (BUY, -1, middle - math.floor(average / 2)),
        (SELL, 1, middle + math.ceil(average / 2)),
    ):
        expected = dict(before[side])
        for i in range(10):
            shares = backstop if backstop and i == 9 else size
            price = first + sign * i * step
            expected[price] = expected.get(price, 0) + shares
        assert ladder(quiet, side) == expected
    makers.maker_cancels(memory, parameters, 0)
    assert {side: ladder(quiet, side) for side in (BUY, SELL)} == before


def test_a_market_maker_never_quotes_closer_than_its_least_spread(quiet):
    memory, reals, parameters = state_of(quiet)
    market_order(memory, BUY, 10**6, -1, 0)
    market_order(memory, SELL, 10**6, -1, 0)
    agent = exchange.agent_of(memory, 0)
    memory[agent + at.MID], memory[agent + at.LOT] = 100_000, 1
    memory[agent + at.BOUGHT] = memory[agent + at.SOLD] = 0
    reals[at.SPREADS], parameters[at.MAKER_LEAST_SPREAD] = 1.0, 12.0
    makers.maker_quotes(memory, reals, parameters, 0)
    assert memory[BEST + SELL] - memory[BEST + BUY] == 12


def test_a_market_maker_looks_back_over_its_mean_wake(quiet):
    memory, _, parameters = state_of(quiet)
    start = quiet.market.open_ns
    for seconds, size in ((1, 3), (50, 2), (100, 7)):
        memory[CLOCK] = start + seconds * SECOND
        agents.order_arrives(memory, parameters, -1, BUY, 100_011, size)
    since = [exchange.traded_since(memory, start + s * SECOND)[0] for s in (0, 1, 2, 50, 51, 101)]
    assert since == [12, 12, 9, 9, 7, 0]


def test_market_makers_are_alarmed_once_when_the_book_leans(quiet):
    memory, _, parameters = state_of(quiet)
    memory[exchange.agent_of(memory, 0) + at.MID] = 100_000

    def alarms():
        return [e for e in queued(quiet) if e[1] == at.MAKER_REPEATS]

    assert memory[OFFERED + BUY] == memory[OFFERED + SELL] == 1005
    agents.order_arrives(memory, parameters, -1, BUY, 100_011, 904)
    assert not alarms()  # 101 / 1005 is more than a tenth
    agents.order_arrives(memory, parameters, -1, BUY, 100_011, 1)
    assert len(alarms()) == 1
    agents.order_arrives(memory, parameters, -1, BUY, 100_011, 1)
    assert len(alarms()) == 1


# Composition --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"market_makers": 0},
            "got 0: nobody would quote both sides.*presets have 2",
        ),
        ({"value_agents": 0}, "value_agents must be >= 1, got 0: nobody would bring"),
        ({"noise_agents": -1}, "noise_agents must be >= 0, got -1"),
        ({"value_wake_ns": float("nan")}, "value_wake_ns must be a finite number > 0, got nan"),
        ({"maker_alarm_imbalance": 1.5}, "maker_alarm_imbalance must be <= 1, got 1.5"),
        ({"open_ns": 10, "close_ns": 5}, "open_ns .10. must not exceed close_ns .5."),
        ({"lot_low": 60}, "lot_low .60. must not exceed lot_high"),
        ({"volatility": 1}, "did you mean 'volatility_per_root_ns'"),
    ],
)
def test_bad_compositions_are_refused(changes, message):
    with pytest.raises(PacesetterError, match=message):
        BackgroundMarket.preset("rmsc04", **changes)


def test_presets_are_named():
    with pytest.raises(PacesetterError, match="did you mean 'rmsc03'"):
        BackgroundMarket.preset("rmsc3")
    assert BackgroundMarket.preset("rmsc04") == BackgroundMarket()
    agents_of = [BackgroundMarket.preset(name).noise_agents for name in sorted(PRESETS)]
    assert sorted(PRESETS) == ["realistic", "rmsc03", "rmsc04"]
    assert agents_of == [1000, 5000, 1000]


def test_markets_do_not_run_beyond_the_close_or_from_bad_seeds():
    market = BackgroundMarket()
    with pytest.raises(PacesetterError, match="closes at 57600 s"):
        Markets.opened(market, [0]).advance(market.close_ns + 1)
    for seeds in ([], [-1]):
        with pytest.raises(PacesetterError, match="non-negative integers"):
            Markets.opened(market, seeds)
