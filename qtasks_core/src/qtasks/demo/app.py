"""The app of the demo: one task, which now and then fails on purpose."""

from __future__ import annotations

import os
import time
import zlib
from pathlib import Path
from typing import Final

from qtasks.asyncio import QueueTasks
from qtasks.demo.ledger import Ledger, attempt
from qtasks.demo.words import Measured, measure

LEDGER: Final = "QTASKS_DEMO_LEDGER"
"""The variable that tells workers where the ledger is."""

_PER_TASK: Final = 0.02
_PER_BYTE: Final = 1e-6
_LONGEST: Final = 0.5

app = QueueTasks("qtasks-demo", broker_url="sqlite:///qtasks-demo.db")
if LEDGER in os.environ:
    app.add_plugin(Ledger(os.environ[LEDGER]))


class Stumbled(Exception):
    """What a task raises on purpose."""


@app.task(retry=2, retry_on_exc=[Stumbled], backoff=0.2)
def count_words(path: str) -> Measured:
    """Measure a file, a little slowly; some files fail in their first run."""
    file = Path(path)
    time.sleep(pause(file))
    if attempt.get() == 1 and stumbles(file):
        raise Stumbled(f"the first run of {file.name} fails on purpose")
    return measure(file)


def pause(file: Path) -> float:
    """Return the seconds that a run sleeps, as if the bytes came over a network."""
    return min(_PER_TASK + _PER_BYTE * file.stat().st_size, _LONGEST)


def stumbles(file: Path) -> bool:
    """Whether the first run of this file fails: one file in 25 does, always the same ones."""
    return zlib.crc32(os.fsencode(file)) % 25 == 0
