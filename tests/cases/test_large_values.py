"""Arguments and results of every size, in a process of its own whose memory is measured."""

from __future__ import annotations

import json
import re

import pytest
from cases import programs

from qtasks.config import SETTINGS

pytestmark = pytest.mark.timeout(120)

MEGABYTE = 1_000_000

SIZES = """
import json
from qtasks.errors import EncodeError, TaskFailed

url, serializer, limit, *sizes = sys.argv[1:]
app = qtasks.asyncio.QueueTasks("sizes", broker_url=url, plugins=False)
app.log.setLevel("CRITICAL")
app.config.serializer = serializer
if int(limit):
    app.config.max_message_size = app.config.max_result_size = int(limit)
runs = 0

@app.task
async def take(text: str) -> int:
    return len(text)

@app.task
async def give(size: int) -> str:
    global runs
    runs += 1
    return "x" * size

@app.task
async def small() -> int:
    return 1

async def argument(size: int) -> tuple[str, str]:
    try:
        task = await take.add_task("x" * size)
    except EncodeError as error:
        return "refused", str(error)
    return ("carried", "") if await task.result(30) == size else ("changed", "")

async def result(size: int) -> tuple[str, str]:
    task = await give.add_task(size)
    try:
        return ("carried", "") if await task.result(30) == "x" * size else ("changed", "")
    except TaskFailed as error:
        return (await task.refresh()).status.value, str(error)

def memory() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def main() -> None:
    work = asyncio.create_task(app.run())
    assert await (await small.add_task()).result(30) == 1
    before, told = memory(), []
    for size in map(int, sizes):
        for tried in (argument, result):
            began = time.monotonic()
            how, text = await tried(size)
            took = time.monotonic() - began
            assert await (await small.add_task()).result(30) == 1
            told.append([tried.__name__, size, how, text, took])
    assert runs == len(sizes), "what is too large for the store is not made again"
    await app.flush_all()  # memory holds what is in the records as long as there are any
    deadline = time.monotonic() + 25
    while memory() - before > 30_000_000 and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    print(json.dumps({"told": told, "kept": memory() - before}))
    await app.stop()
    await work

asyncio.run(main())
"""


def _tried(
    url: str, serializer: str, sizes: list[int], limit: int = 0
) -> tuple[dict[tuple[str, int], str], list[str]]:
    """Try all sizes, and return how each ended, and the texts of the refusals."""
    # The allocator gives back at once what is freed, so that what the process has is what it uses.
    arguments = (url, serializer, f"{limit}", *map(str, sizes))
    ended = programs.run(SIZES, *arguments, MALLOC_MMAP_THRESHOLD_="65536")
    assert (ended.code, ended.err) == (0, "")
    report = json.loads(ended.out)
    assert report["kept"] < 30 * MEGABYTE, "the memory of the process is as before"
    assert max(took for *_, took in report["told"]) < 60
    ends = {(what, size): how for what, size, how, _, _ in report["told"]}
    return ends, [text for _, _, _, text, _ in report["told"] if text]


@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_a_value_beyond_the_limit_is_refused_and_the_next_task_runs(url: str, serializer: str) -> None:
    """The call raises, or the task ends in `error`, with size and limit; nothing of it stays in memory."""
    fits, large, huge = MEGABYTE, 20 * MEGABYTE, 200 * MEGABYTE
    ends, texts = _tried(url, serializer, [MEGABYTE // 10, fits, large, huge])

    assert ends == {
        ("argument", MEGABYTE // 10): "carried",
        ("result", MEGABYTE // 10): "carried",
        ("argument", fits): "carried",
        ("result", fits): "carried",
        ("argument", large): "refused",
        ("result", large): "carried",
        ("argument", huge): "refused",
        ("result", huge): "error",
    }
    message, result = (SETTINGS[name].default for name in ("max_message_size", "max_result_size"))
    for text, size, limit in zip(texts, (large, huge, huge), (message, message, result), strict=True):
        assert re.search(rf"has {size // MEGABYTE}\d{{6}} bytes, and the limit is {limit} ", text)


def test_a_raised_limit_carries_more(url: str) -> None:
    """20 MB there and back, with small tasks between."""
    ends, texts = _tried(url, "json", [20 * MEGABYTE], 30 * MEGABYTE)

    assert texts == []
    assert list(ends.values()) == ["carried"] * 2
