"""Lines of the log: their format, and what a format may name."""

from __future__ import annotations

import logging
import re
from typing import Final

_FIELD: Final = re.compile(r"%\((.*?)\)")


class Formatter(logging.Formatter):
    """Knows `%(subname)s` besides what `logging` knows: the last part of the name of the logger."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - a method of logging
        """Return the line, without what follows it, such as a traceback."""
        record.__dict__.setdefault("subname", record.name.rpartition(".")[2])
        return super().formatMessage(record)


def problem_of(text: str) -> str:
    """Return why a record cannot be written in this format; empty where it can be."""
    record = logging.getLogRecordFactory()("qtasks", logging.INFO, __file__, 1, "text", (), None)
    try:
        Formatter(text).format(record)
    except (KeyError, TypeError, ValueError) as exc:
        known = {*vars(record), "message", "asctime", "subname"}
        unknown = [name for name in _FIELD.findall(text) if name not in known]
        return f"nothing is known of %({unknown[0]})s" + _nearest(unknown[0], known) if unknown else str(exc)
    return ""


def _nearest(name: str, known: set[str]) -> str:
    from difflib import get_close_matches  # only needed for the error

    near = get_close_matches(name, known, n=1)
    return f"; did you mean %({near[0]})s?" if near else ""
