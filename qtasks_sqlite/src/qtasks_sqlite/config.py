# ruff: noqa: S608 - nothing from outside is put into a statement: the parts are constants of this module
"""Small facts that all processes of an app share, in the file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qtasks.errors import EncodeError
from qtasks.models import Answer, Ask, WorkerInfo
from qtasks.protocols import Setup
from qtasks_sqlite import _permits
from qtasks_sqlite._holder import worker_info
from qtasks_sqlite._link import Link
from qtasks_sqlite._rows import Named, Row
from qtasks_sqlite._url import Level, Location, locate
from qtasks_sqlite._work import News, Step

if TYPE_CHECKING:
    import sqlite3

_SET: Final = """
INSERT INTO setting (app, name, key, value) VALUES (?, ?, ?, ?)
ON CONFLICT (app, name, key) DO UPDATE SET value = excluded.value
"""
_GET: Final = "SELECT value FROM setting WHERE app = ? AND name = ? AND key = ?"
_GET_ALL: Final = "SELECT key, value FROM setting WHERE app = ? AND name = ?"
_REMOVE: Final = "DELETE FROM setting WHERE app = ? AND name = ? AND key = ?"
_ANNOUNCE: Final = """
INSERT INTO registry (app, id, clock, until, info) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (app, id) DO UPDATE SET clock = excluded.clock, until = excluded.until, info = excluded.info
"""
_WITHDRAW: Final = "DELETE FROM registry WHERE app = ? AND id = ?"
# Entries of an earlier boot have run out: their clock is not this one, as far as both are known.
_EARLIER: Final = "(clock <> :clock AND clock <> '' AND :clock <> '')"
_WORKERS: Final = (
    f"SELECT info FROM registry WHERE app = :app AND NOT {_EARLIER} AND until > :boot ORDER BY id"
)
_RUN_OUT: Final = f"DELETE FROM registry WHERE app = :app AND ({_EARLIER} OR until <= :boot)"
_FLUSH: Final = (
    "DELETE FROM setting WHERE app = ?",
    "DELETE FROM registry WHERE app = ?",
    *_permits.FLUSH,
)


class AsyncSQLiteGlobalConfig:
    """Settings and the registry of workers in a SQLite file.

    Args:
        url: `sqlite:///relative.db` or `sqlite:////absolute/path.db`; by default `qtasks.db` in the
            working directory. Nothing is opened before the start.
        name: Name of the app, where it must be a particular one.
        synchronous: `full`, `normal` or `off`: how far commits are forced onto the disk.

    Raises:
        ConfigError: The URL or the value is not one of these.
    """

    def __init__(
        self, url: str | Location | None = None, *, name: str | None = None, synchronous: str | None = None
    ) -> None:
        self.location = locate(url, synchronous)
        self._name = name
        self._link = Link(self.location, "config")

    @property
    def name(self) -> str | None:
        """The app's name if it was given explicitly."""
        return self._name

    async def start(self, setup: Setup) -> None:
        """Open the file, or share what is open already."""
        await self._link.start(setup)

    async def stop(self) -> None:
        """Close the file, unless another component uses it."""
        await self._link.stop()

    async def set(self, name: str, key: str, value: Any) -> None:
        """Keep a JSON value under `key` of the group `name`.

        Raises:
            EncodeError: It is no JSON value.
        """
        try:
            text = json.dumps(value)
        except (TypeError, ValueError) as exc:
            raise EncodeError(f"the setting {name}/{key} must be a JSON value: {exc}") from exc
        await self._write(self._link.level, (_SET, (self._link.app, name, key, text)), news=News.SIGNAL)

    async def get(self, key: str, name: str) -> Any:
        """Return the value, or None."""
        rows = await self._link.database.read(_GET, (self._link.app, name, key))
        return json.loads(rows[0][0]) if rows else None

    async def get_all(self, key: str) -> Mapping[str, Any]:
        """Return the whole group that is called `key`."""
        return _group(await self._link.database.read(_GET_ALL, (self._link.app, key)))

    async def remove(self, name: str, key: str) -> None:
        """Keep nothing any more under `key` of the group `name`."""
        await self._write(self._link.level, (_REMOVE, (self._link.app, name, key)), news=News.SIGNAL)

    async def watch(self, name: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the group as soon as it differs from `known`."""
        app, database, life = self._link.app, self._link.database, self._link.life
        hearing, news, before = database.hearing, asyncio.Event(), _canonical(known)
        with life.telling(news.set):
            while True:
                life.check()
                news.clear()
                since = hearing.mark(News.SIGNAL)
                group = _group(await database.read(_GET_ALL, (app, name)))
                if _canonical(group) != before:
                    return group
                await hearing.rest(News.SIGNAL, news, hearing.ear.safety, since)

    async def admit(self, asks: Sequence[Ask], patience: float) -> Sequence[Answer]:
        """Grant or refuse each, in their order and in one step."""
        link = self._link
        if not asks:
            return []

        def run(connection: sqlite3.Connection) -> list[Answer]:
            # The moment is taken with the lock in hand: others have reserved their starts meanwhile.
            door = _permits.Door(link.app, link.database.clock_id, link.boot(), link.clock.now(), patience)
            return door.admit(connection, asks)

        return await link.database.write(Step(run, link.light_level))

    async def release(self, worker_id: str, task_ids: Sequence[str]) -> None:
        """Give the permits of this worker for these tasks back."""
        app = self._link.app

        def run(connection: sqlite3.Connection) -> None:
            _permits.release(connection, app, worker_id, task_ids)

        await self._link.database.write(Step(run, self._link.light_level))

    async def announce(self, worker: WorkerInfo, ttl: float) -> None:
        """Make the worker known for `ttl` seconds, or for that much longer."""
        app, boot, clock = self._link.app, self._link.boot(), self._link.database.clock_id
        info = msgspec.json.encode(worker).decode()
        await self._write(
            self._link.light_level,
            (_RUN_OUT, {"app": app, "clock": clock, "boot": boot}),
            *self._tidy(),
            (_ANNOUNCE, (app, worker.id, clock, boot + ttl, info)),
        )

    async def withdraw(self, worker_id: str) -> None:
        """Forget the worker, with its permits."""
        await self._write(self._link.light_level, (_WITHDRAW, (self._link.app, worker_id)), *self._tidy())

    async def workers(self) -> Sequence[WorkerInfo]:
        """Return the workers whose announcement has not run out."""
        link = self._link
        values = {"app": link.app, "clock": link.database.clock_id, "boot": link.boot()}
        rows = await link.database.read(_WORKERS, values)
        workers = [worker_info(text) for (text,) in rows]
        return [worker for worker in workers if worker is not None]

    async def flush(self) -> None:
        """Remove everything of this app, and nothing of another."""
        statements = [(statement, (self._link.app,)) for statement in _FLUSH]
        await self._write(self._link.level, *statements, news=News.SIGNAL)

    def _tidy(self) -> list[tuple[str, Row | Named]]:
        values = {"app": self._link.app, "now": self._link.clock.now()}
        return [(statement, values) for statement in _permits.TIDY]

    async def _write(
        self, level: Level, *statements: tuple[str, Row | Named], news: News = News.NONE
    ) -> None:
        def run(connection: sqlite3.Connection) -> None:
            for statement, values in statements:
                connection.execute(statement, values)

        await self._link.database.write(Step(run, level, news))


def _group(rows: Sequence[Row]) -> dict[str, Any]:
    return {key: json.loads(text) for key, text in rows}


def _canonical(group: Mapping[str, Any]) -> str:
    """Return a text by which groups are compared: in Python 1 equals True, and NaN not even itself."""
    return json.dumps(dict(group), sort_keys=True)
