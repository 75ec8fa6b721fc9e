"""The laboratory of the execution market: what `leaders.world` calibrates a world agent in.

Real rollouts are those of a preset, or of one with changes, from its opening on. A world begins
from books of the real market at the first decision, which data of a real market have, too: they are
recorded and replayed into books that carry their history. Three sets of books are kept apart: for
training, for choosing among trained worlds, and for evaluation.

Version history: v1 had 64 books of each set; v2 has as many as `BOOKS`: rollouts from one book are
alike, so that a distance over few books is too large, and a world fits itself to their chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError, unknown
from ..core.rollouts import Decisions, LastOrders, Origin, Purpose, Rollouts
from ..order_book.background.market import SECOND, BackgroundMarket
from ..order_book.background.simulation import Markets
from ..order_book.layout import CLOCK
from ..order_book.world import (
    Replayed,
    WorldAgent,
    WorldLog,
    WorldMarkets,
    mirror_actions,
    mirror_features,
    record_orders,
    replay_orders,
)
from ..order_book.world.alphabet import HEADS
from ..order_book.world.features import COUNT, LAGS_AT
from ..order_book.world.layout import LAG_ENTRIES, LAGS
from ..order_book.world.network import SHAPES
from .experiment import Agent, Played, play

Weights = Mapping[str, NDArray[np.float32]]
BOOKS: dict[Purpose, int] = {"training": 192, "choosing": 96, "evaluation": 200}
"""Purpose -> how many there are that its rollouts begin from."""
PURPOSES = tuple(BOOKS)
BOOK_SEED, RECORDING_SEED, REAL_SEED = 1_000_000, 2_000_000, 3_000_000
APART = 10_000  # seeds between two numbers of a laboratory
APART_BY_PURPOSE = 1_000


def changed(market: BackgroundMarket, changes: Mapping[str, float]) -> BackgroundMarket:
    """A background market with other parameters, name -> value.

    Raises:
        PacesetterError: an unknown parameter, a share of something that is counted, or a value out
            of its range.
    """
    known = [field.name for field in fields(market)]
    found: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise unknown("parameter of the background market", name, known)
        kind = type(getattr(market, name))
        if kind is not float and value != kind(value):
            raise PacesetterError(f"{name} of the background market is counted, got {value:g}.")
        found[name] = kind(value)
    return replace(market, **found)


@dataclass(frozen=True, eq=False)
class ExecutionLaboratory:
    """Rollouts of one experimental agent.

    Attributes:
        markets: the real market and the one to begin with.
        decisions: T of a rollout.
        child: shares of an order of the experimental agent.
        share: of decisions at which it acts.
        start_ns: time of the first decision.
        step_ns: between two decisions.
        recorded_ns: length of a recording from the first decision on.
        recordings: copies recorded of each market.
        number: which laboratory: every one has markets, books and recordings of its own.
        threads: cores to use.
    """

    markets: Mapping[Origin, BackgroundMarket]
    decisions: int
    child: int
    share: float
    start_ns: int
    step_ns: int
    recorded_ns: int = 1800 * SECOND
    recordings: int = 4
    number: int = 0
    threads: int = 1

    @property
    def heads(self) -> tuple[int, ...]:
        """Events, depths, sizes and times."""
        return HEADS

    @property
    def history(self) -> tuple[int, int, int]:
        """The states ten seconds apart, the newest first."""
        return LAGS_AT, LAGS, LAG_ENTRIES

    @cached_property
    def agent(self) -> Agent:
        """The experimental agent, who owns orders after all of the real market."""
        times = self.start_ns + self.step_ns * np.arange(self.decisions + 1, dtype=np.int64)
        real = self.markets["real"]
        return Agent(real.agents, self.child, self.share, times, real.parameters())

    def _seeds(self, first: int, number: int, within: int = 0) -> NDArray[np.int64]:
        return np.arange(number, dtype=np.int64) + (first + APART * self.number + within)

    def remarks(self) -> tuple[str, ...]:
        """Nothing is missing in a market of our own."""
        return ()

    # What was recorded ----------------------------------------------------------------------------

    @cached_property
    def _replayed(self) -> dict[Origin, Replayed]:
        return {}

    def _recording(self, origin: Origin) -> Replayed:
        if origin not in self._replayed:
            until = self.start_ns + self.recorded_ns
            seeds = self._seeds(RECORDING_SEED, self.recordings)
            stream = record_orders(self.markets[origin], seeds, until)
            self._replayed[origin] = replay_orders(stream)
        return self._replayed[origin]

    def recording(self, origin: Origin) -> Decisions:
        """Orders from the first decision on; see `Laboratory.recording`."""
        found = self._recording(origin)
        kept = found.time >= self.start_ns
        return Decisions(found.features[kept], found.actions[kept])

    def rate(self, origin: Origin) -> float:
        """Orders per second of a market after the first decision."""
        return len(self.recording(origin)) * 1e9 / (self.recorded_ns * self.recordings)

    def mirrored(self, decisions: Decisions) -> Decisions:
        """See `Laboratory.mirrored`."""
        return replace(
            decisions,
            features=mirror_features(decisions.features),
            actions=mirror_actions(decisions.actions),
        )

    def initial(
        self, origin: Origin, seed: int, recurrent: bool = False
    ) -> dict[str, NDArray[np.float32]]:
        """See `Laboratory.initial`."""
        decisions = self.recording(origin)
        agent = WorldAgent.initial(seed, decisions.actions, self.rate(origin), recurrent)
        return {name: agent.part(name).copy() for name in agent.names}

    def trained(self) -> tuple[str, ...]:
        """See `Laboratory.trained`."""
        return tuple(name for name in SHAPES if not (name == "rate" or name.endswith("_mask")))

    # Rollouts -------------------------------------------------------------------------------------

    def real(self, rollouts: int, seed: int) -> Rollouts:
        """See `Laboratory.real`."""
        return self._of_market("real", rollouts, seed)

    def begun(self, rollouts: int, seed: int) -> Rollouts:
        """See `Laboratory.begun`."""
        return self._of_market("start", rollouts, seed)

    def _of_market(self, origin: Origin, rollouts: int, seed: int) -> Rollouts:
        market = self.markets[origin]
        seeds = self._seeds(REAL_SEED, rollouts, seed)
        books = Markets.opened(market, seeds, strangers=1)
        books.advance(self.start_ns, self.threads)
        agent = replace(self.agent, owner=market.agents, parameters=market.parameters())

        def advance(until: int, step: int) -> None:
            books.advance(until, self.threads)

        played = play(books, advance, agent, seed, market.mean_price)
        seconds = self.decisions * self.step_ns / 1e9
        return replace(played, orders=np.full(rollouts, self.rate(origin) * seconds))

    @cached_property
    def _opened(self) -> dict[Purpose, Replayed]:
        return {}

    def _books(self, purpose: Purpose) -> Replayed:
        """Books of the real market at the first decision."""
        if purpose not in self._opened:
            first = APART_BY_PURPOSE * PURPOSES.index(purpose)
            seeds = self._seeds(BOOK_SEED, BOOKS[purpose], first)
            stream = record_orders(self.markets["real"], seeds, self.start_ns)
            self._opened[purpose] = replay_orders(stream, self.agent.owner, 1)
        return self._opened[purpose]

    def _worlds(self, weights: Weights, rollouts: int, seed: int, purpose: Purpose) -> WorldMarkets:
        generator = np.random.default_rng((seed, self.number, PURPOSES.index(purpose)))
        # Every book as often as any other.
        books = BOOKS[purpose]
        turns = [generator.permutation(books) for _ in range(-(-rollouts // books))]
        drawn = np.concatenate(turns)[:rollouts]
        fresh = self._fresh(generator, rollouts)
        return self._books(purpose).worlds(WorldAgent.of(weights), fresh, drawn)

    def world(
        self,
        weights: Weights,
        rollouts: int,
        seed: int,
        share: float = 0.0,
        purpose: Purpose = "training",
    ) -> Rollouts:
        """See `Laboratory.world`."""
        return self._played(self._worlds(weights, rollouts, seed, purpose), seed, share)

    def _played(self, worlds: WorldMarkets, seed: int, share: float) -> Rollouts:
        """Rollouts of worlds that stand at the first decision."""
        before = {name: counted.copy() for name, counted in worlds.counts.items()}
        logs: list[Decisions] = []

        begun = worlds.memory[:, CLOCK].copy()

        def advance(until: int, step: int) -> None:
            ends = begun + (step + 1) * self.step_ns
            log = worlds.advance(ends, share=share, threads=self.threads)
            steps = np.full(len(log), step)
            logs.append(Decisions(log.features, log.actions, log.copy, steps))

        played = play(worlds, advance, self.agent, seed, self.markets["real"].mean_price)
        after = worlds.counts
        calls = len(worlds.memory) * self.decisions
        return replace(
            played,
            orders=(after["orders"] - before["orders"]).astype(np.float64),
            guarded=float((after["guarded"] - before["guarded"]).sum()) / calls,
            decisions=_joined(logs) if share > 0 else None,
        )

    # One decision varied --------------------------------------------------------------------------

    def last_orders(
        self,
        weights: Weights,
        prefixes: int,
        steps: int,
        choices: int,
        continuations: int,
        seed: int,
    ) -> LastOrders:
        """See `Laboratory.last_orders`.

        Raises:
            PacesetterError: there is no experimental agent.
        """
        if not self.child:
            raise PacesetterError(
                "leader.method: algorithm1 varies orders in answer to an experimental agent, and a "
                "file of the past has none; use witness."
            )
        worlds = self._worlds(weights, prefixes, seed, "training")
        generator = np.random.default_rng((seed, 1))
        chosen = np.ones((prefixes, self.decisions), dtype=np.bool_)
        played = Played(worlds, self.agent, chosen, self.markets["real"].mean_price)
        of_branch = np.repeat(np.arange(prefixes), choices)
        again = np.repeat(np.arange(len(of_branch)), continuations)
        logs, ends = [], []
        for step in range(steps):
            until = int(self.agent.times[step + 1])
            played.act(step)
            begun = worlds.copy()
            worlds.advance(until, threads=self.threads)
            # The step again, up to its last order, which is then drawn anew.
            begun.advance(until, limit=np.maximum(worlds.taken - 1, 0), threads=self.threads)
            varied = begun.take(of_branch).reseeded(self._fresh(generator, len(of_branch)))
            logs.append(varied.advance(until, limit=1, share=1.0, threads=self.threads))
            branches = varied.take(again).reseeded(self._fresh(generator, len(again)))
            rest = played.branch(of_branch[again], branches)
            branches.advance(until, threads=self.threads)
            rest.read()
            for later in range(step + 1, self.decisions):
                rest.act(later)
                branches.advance(int(self.agent.times[later + 1]), threads=self.threads)
                rest.read()
            ends.append(rest.rollouts())
            played.read()
        return _varied(logs, tuple(ends), prefixes, choices)

    def _fresh(self, generator: np.random.Generator, number: int) -> NDArray[np.int64]:
        return generator.integers(2**52, size=number)


def _varied(
    logs: list[WorldLog], ends: tuple[Rollouts, ...], prefixes: int, choices: int
) -> LastOrders:
    """The first decision of every branch of every step, and what followed."""
    shape = (prefixes, len(logs), choices)
    features = np.zeros((*shape, COUNT), dtype=np.float32)
    actions = np.zeros((*shape, len(HEADS)), dtype=np.int64)
    drawn = np.zeros(shape, dtype=np.bool_)
    for step, log in enumerate(logs):
        prefix, choice = log.copy // choices, log.copy % choices
        features[prefix, step, choice] = log.features
        actions[prefix, step, choice] = log.actions
        drawn[prefix, step, choice] = True
    return LastOrders(features, actions, drawn, ends)


def _joined(logs: list[Decisions]) -> Decisions:
    return Decisions(
        *(
            np.concatenate([getattr(log, name) for log in logs])
            for name in ("features", "actions", "rollout", "step")
        )
    )
