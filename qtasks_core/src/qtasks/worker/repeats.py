"""One complaint about the backend is told once, and not with every try."""

from __future__ import annotations

import logging
import time
from typing import Final

from qtasks.errors import BackendError

INTERVAL: Final = 30.0
"""Seconds after which the same trouble is told again."""


class Repeats(logging.Filter):
    """Lets each complaint about one kind of failure through once in `INTERVAL` seconds.

    Everything that a worker does is tried again while the backend fails, so that a disk that stays full
    for a night would fill the log. Records that carry no `BackendError` pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, type[BackendError]], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record is to be logged."""
        values = record.args if isinstance(record.args, tuple) else ()
        error = next((value for value in values if isinstance(value, BackendError)), None)
        if error is None:
            return True
        key, now = (str(record.msg), type(error)), time.monotonic()
        last = self._told.get(key)
        if last is not None and now - last < INTERVAL:
            return False
        self._told[key] = now
        return True
