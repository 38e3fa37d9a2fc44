"""Task ids."""

from __future__ import annotations

import multiprocessing
import uuid
from concurrent.futures import ThreadPoolExecutor

from qtasks.ids import new_id


def test_an_id_is_a_uuid_of_version_7() -> None:
    """Version, variant and the canonical form are those of RFC 9562."""
    for _ in range(1000):
        text = new_id()
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 7, uuid.RFC_4122)


def test_ids_grow_with_time() -> None:
    """Of two ids a millisecond apart the earlier one sorts first."""
    first = new_id()
    while (second := new_id())[:13] == first[:13]:
        pass

    assert first < second


def test_no_id_comes_twice() -> None:
    """Not in one thread, not in many."""
    with ThreadPoolExecutor(8) as pool:
        ids = [
            text for batch in pool.map(lambda _: [new_id() for _ in range(2000)], range(8)) for text in batch
        ]

    assert len(set(ids)) == 16_000


def _ids(_: int) -> list[str]:
    return [new_id() for _ in range(300)]


def test_forked_processes_draw_their_own() -> None:
    """Children of one parent do not repeat each other's ids, nor the parent's."""
    new_id()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        ids = [text for batch in pool.map(_ids, range(4), chunksize=1) for text in batch]

    chances = {text[15:] for text in (*ids, *_ids(0))}
    assert len(chances) == 1500
