"""Bytes in the queue that are no message."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cases.apps import Place, ends, working
from processes.place import Place as ProcessPlace

from qtasks.asyncio import QueueTasks
from qtasks.errors import DecodeError, TaskDead
from qtasks.ids import new_id
from qtasks.models import Message
from qtasks.serialization import MSGPACK, encode_envelope

GOOD: dict[str, Any] = json.loads(encode_envelope(id=new_id(), task="good", args=[], kwargs={}, created=1.0))
PACKED = encode_envelope(id=new_id(), task="good", args=[], kwargs={}, created=1.0, serializer=MSGPACK)


def _without(field: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key != field}).encode()


def _with(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


BAD: dict[str, bytes] = {
    "nothing": b"",
    "a word": b"hello",
    "no UTF-8": b'{"task": "\xff\xfe"}',
    "an array": b"[1, 2, 3]",
    "a number": b"7",
    "null": b"null",
    "half a message": json.dumps(GOOD).encode()[:-9],
    "no id": _without("id"),
    "no name": _without("task"),
    "no args": _without("args"),
    "no version": _without("v"),
    "args as text": _with(args="abc"),
    "kwargs as a list": _with(kwargs=[1]),
    "a name that is a number": _with(task=5),
    "a priority as text": _with(priority="high"),
    "a version to come": _with(v=99),
    "compressed": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "brackets": b"[" * 5_000_000,
    "half a message of MessagePack": PACKED[:-3],
    "MessagePack and more": PACKED + b"\xc0",
    "an array of MessagePack": b"\x93\x01\x02\x03",
    "a map that says it has four milliards of fields": b"\xdf\xff\xff\xff\xff",
    "a map whose key is no text": b"\x81\x01\x02",
    "maps in maps": b"\x81\xa1v" * 2_000_000,
}


async def _put(app: QueueTasks, bodies: dict[str, bytes]) -> dict[str, str]:
    """Put the bytes into the queue as they are, past everything that checks them."""
    ids = {name: new_id() for name in bodies}
    messages = [Message(ids[n], "good", "default", 0, body, time.time()) for n, body in bodies.items()]
    await (await app.connect()).dispatch.publish(messages)
    return ids


@pytest.mark.parametrize("when", ["before the start", "while it works"])
async def test_bytes_that_are_no_message_are_put_aside(
    place: Place, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    """Each is dead with a reason, in one delivery; the good task behind them waits for no lease."""
    app = place.app(max_tasks_process=2, lease=60.0)

    @app.task(retry=3)
    async def good() -> int:
        return 1

    ids = await _put(app, BAD) if when == "before the start" else {}
    async with working(app):
        worker = app.worker.info
        ids = ids or await _put(app, BAD)
        assert await (await good.add_task()).result(timeout=30) == 1
        done = dict(zip(ids, await ends([await app.get(one) for one in ids.values()]), strict=True))
        assert app.worker.info == worker

    assert {name: task.status for name, task in done.items()} == dict.fromkeys(BAD, "dead")
    assert {name for name, task in done.items() if "undecodable" not in (task.reason or "")} == set()
    assert {(task.attempts, task.token.delivery) for task in done.values()} == {(0, 1)}
    assert len(caplog.records) <= len(BAD)


async def test_a_serializer_that_is_not_installed_is_named_at_once(place: Place) -> None:
    """Its arguments cannot be read here however often it is tried: no retry, and the bytes are kept."""
    app = place.app()

    @app.task(retry=3, backoff=0.01)
    async def good() -> None: ...

    body = _with(type="not-installed", payload="AAAA")
    ids = await _put(app, {"foreign": body})
    async with working(app):
        (done,) = await ends([await app.get(ids["foreign"])])

    assert done.status in {"dead", "error"}
    assert "not-installed" in f"{done.reason} {done.error}"
    assert done.record.body == body
    assert done.attempts <= 1, "what can never be read is not tried again"


async def test_whoever_looks_at_such_a_task_is_told(place: Place) -> None:
    """Its record is readable, its result is TaskDead, and only its arguments are a DecodeError."""
    app = place.app()

    @app.task
    async def good() -> None: ...

    ids = await _put(app, {"a word": BAD["a word"]})
    task = await app.get(ids["a word"])
    async with working(app):
        with pytest.raises(TaskDead, match="undecodable"):
            await task.result(timeout=30)
    assert (task.task_name, task.queue) == ("good", "default")
    with pytest.raises(DecodeError):
        _ = task.args


async def test_a_row_that_somebody_has_written_over_harms_nobody(processes: ProcessPlace) -> None:
    """Rows that were changed by hand, before and under a worker: the process stays, good tasks run."""
    tasks = [await processes.client.add_task("count", f"{number}") for number in range(6)]
    _overwrite(processes.path, [task.id for task in tasks[:3]])
    worker = await processes.worker("--concurrency", 2)
    gate = processes.gate()
    held = [await processes.client.add_task("hold", f"held-{number}", gate) for number in range(2)]
    for task in tasks[3:]:
        await task.result(30)
    more = [await processes.client.add_task("count", f"more-{number}") for number in range(6)]
    _overwrite(processes.path, [task.id for task in more[:3]])
    Path(gate).unlink()

    assert [await task.result(30) for task in more[3:]] == ["more-3", "more-4", "more-5"]
    assert [await task.result(30) for task in held] == [worker.pid] * 2
    for task in tasks[:3] + more[:3]:
        with pytest.raises(TaskDead, match="undecodable"):
            await task.result(30)
    assert worker.process.poll() is None
    assert "Traceback" not in worker.log
    assert set(processes.runs().values()) == {1}


def _overwrite(path: Path, ids: list[str]) -> None:
    with closing(sqlite3.connect(path, timeout=30)) as file:
        with pytest.raises(sqlite3.IntegrityError):
            file.execute("UPDATE task SET body = NULL WHERE id = ?", ids[:1])
        for task_id, body in zip(ids, (b"", "hello", 5), strict=True):
            file.execute("UPDATE task SET body = ? WHERE id = ?", (body, task_id))
        file.commit()
