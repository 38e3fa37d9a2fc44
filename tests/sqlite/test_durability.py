"""How far each commit is forced onto the disk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from qtasks.ids import new_id
from qtasks.models import GiveBack, GiveBackReason, Message, Outcome, Token
from qtasks.status import TaskStatus
from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker
from qtasks_sqlite._choice import Choice
from qtasks_sqlite._rows import Role
from qtasks_sqlite._session import Desk, open_session
from qtasks_sqlite._url import Level
from qtasks_sqlite._work import Work
from qtasks_sqlite._works import Claim, Publish, Return, Settle


def _works(level: Level) -> list[Work[Any]]:
    now = time.time()
    message = Message(new_id(), "add", "default", 0, b"", now)
    token = Token(1, 1, 1)
    outcome = Outcome(message.id, token, TaskStatus.SUCCESS, now)
    returned = GiveBack(message.id, token, GiveBackReason.STOPPED)
    return [
        Publish("app", Role.BOTH, [message], now, level),
        Settle("app", [outcome], now, level),
        Return("app", [returned], now, level),
    ]


def _committed_at(path: Path, work: Work[Any]) -> int:
    """Commit the work by itself and return the level at which that was done."""
    desk = Desk(lambda _news: None)
    session = open_session(str(path), desk)
    try:
        desk.waiting.append(work)
        session.commit()
        assert work.error is None
        (level,) = session.execute("PRAGMA synchronous").fetchone()
        return int(level)
    finally:
        session.close()


@pytest.mark.parametrize("level", list(Level))
def test_outcomes_and_messages_are_forced_as_chosen(path: Path, level: Level) -> None:
    """Publish, settle and give-back are committed at the level of the URL."""
    assert [_committed_at(path, work) for work in _works(level)] == [level] * 3


def test_transaction_is_forced_as_far_as_its_most_demanding_part(path: Path) -> None:
    """A claim that shares a transaction with an outcome is forced like it; alone it is not."""
    values = {"app": "app", "worker": "w", "holder": 1, "limit": 1, "now": 0.0, "queue0": "default"}
    desk = Desk(lambda _news: None)
    session = open_session(str(path), desk)
    try:
        desk.waiting.extend([Claim(Choice([["default"]]), values, None, Level.NORMAL), *_works(Level.FULL)])
        session.commit()
        together = session.execute("PRAGMA synchronous").fetchone()
        desk.waiting.append(Claim(Choice([["default"]]), values, None, Level.NORMAL))
        session.commit()
        alone = session.execute("PRAGMA synchronous").fetchone()
    finally:
        session.close()

    assert (together, alone) == ((Level.FULL,), (Level.NORMAL,))


async def test_claims_follow_an_option_below_normal(path: Path) -> None:
    """`synchronous=off` is off for everything."""

    async def make() -> AsyncSQLiteBroker:
        return AsyncSQLiteBroker(f"sqlite:///{path}?synchronous=off")

    world = World(make)
    try:
        process = await world.process()
        await process.publish(world.message())
        await process.finish(await (await process.worker()).fetch_one())
        broker = process.broker
        assert isinstance(broker, AsyncSQLiteBroker)
        assert broker._link.light_level is Level.OFF
    finally:
        await world.close()


async def test_file_is_in_wal_mode(world: World, ask: Any) -> None:
    """Readers and the writer do not wait for each other."""
    await world.process()

    assert ask("PRAGMA journal_mode") == [("wal",)]
