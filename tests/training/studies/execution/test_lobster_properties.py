"""A user's own day: `pacesetter train world_from_lobster` from files to a world, end to end."""

from __future__ import annotations

import json

import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.order_book.background import BackgroundMarket, Markets
from pacesetter.envs.order_book.book import Event
from pacesetter.envs.order_book.lobster import Messages, write_messages
from pacesetter.envs.order_book.world import WorldAgent
from pacesetter.leaders.world.guide import WorldGuide
from pacesetter.training.cli import main
from pacesetter.training.runs.world_file import BEST_SO_FAR, load_world

SECOND = 1_000_000_000
SMALL = (
    *("market.seconds_per_decision=5", "market.decisions=2", "market.parent_size=20"),
    *("market.start_seconds=60", "leader.real_rollouts=30", "leader.rollouts=8"),
    *("leader.choosing_rollouts=16", "leader.warm_steps=20", "leader.warm_batch=64"),
    *("training.iterations=2", "evaluation.copies=2"),
)


@pytest.fixture(scope="module")
def messages():
    market = BackgroundMarket.preset("rmsc04")
    markets = Markets.opened(market, [0], events=20_000)
    markets.advance(market.open_ns + 300 * SECOND)
    return Messages.of_events([Event(*row) for row in markets.events(0).tolist()])


def written(path, messages):
    write_messages(path, messages)
    return f"market.message_file={path}"


def train(*arguments):
    return main(["train", "world_from_lobster", *SMALL, *arguments])


def test_a_day_becomes_a_world(messages, tmp_path, capsys):
    """What no message told is said by its line; the world can be traded with."""
    file = written(tmp_path / "day.csv", messages[5:])
    assert train(file, "--runs", str(tmp_path), "--name", "own") == 0
    printed = capsys.readouterr()
    assert "day.csv:" in printed.out + printed.err
    results = json.loads((tmp_path / "own" / "results.json").read_text())
    assert results["real/spread_mean"] > 0
    assert results["flow"] > 0
    assert WorldAgent.load(tmp_path / "own" / "world.safetensors").rate > 0


def test_the_best_world_until_a_burst_is_kept(messages, tmp_path, capsys, monkeypatch):
    file = written(tmp_path / "day.csv", messages)
    iterate = WorldGuide.iterate

    def bursting(guide):
        if guide._done:
            raise PacesetterError("the world bursts.")
        return iterate(guide)

    monkeypatch.setattr(WorldGuide, "iterate", bursting)
    assert train(file, "--runs", str(tmp_path), "--name", "own") != 0
    said = "".join(capsys.readouterr()).replace("\n", "")
    assert "the world bursts. The best world until then is" in said
    assert WorldAgent.load(tmp_path / "own" / BEST_SO_FAR).rate > 0
    assert load_world(tmp_path / "own") is None


def test_files_that_cannot_be_learned_from(messages, tmp_path, capsys):
    """Before anything starts: one message, which names file and line where there is one."""
    bids = messages.direction == 1
    columns = ("time", "kind", "order", "size", "price", "direction")
    one_sided = Messages(*(getattr(messages, name)[bids] for name in columns))
    coarse = Messages.of_events(
        [
            Event(t, k, o, s, 5 * (p // 500), d == -1, -1, -1)
            for t, k, o, s, p, d in zip(*(getattr(messages, name) for name in columns), strict=True)
        ]
    )
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bad.csv").write_text("34200.1,1,7,100,5853300,1\n34200.2,1,8,ten,5853300,1\n")
    for file, message in (
        (written(tmp_path / "bids.csv", one_sided), "no order to buy that would trade"),
        (written(tmp_path / "coarse.csv", coarse), "its tick is another"),
        (f"market.message_file={tmp_path / 'empty.csv'}", "holds no messages"),
        (f"market.message_file={tmp_path / 'bad.csv'}", "bad.csv:2"),
        ("market.message_file=nowhere.csv", "nowhere.csv"),
    ):
        assert train(file, "--runs", str(tmp_path), "--name", "none") == 2
        found = capsys.readouterr().err
        assert message in found, found
        assert "Traceback" not in found
        assert not (tmp_path / "none").exists()
