"""A line that grows, or on something else than a terminal a line now and then."""

from __future__ import annotations

import time
from typing import Final, TextIO

_WIDTH: Final = 30
_PLAIN_INTERVAL: Final = 1.0


class Progress:
    """Shows how much is done, and how fast.

    Args:
        total: How much there is to do.
        out: Where it is shown.
    """

    def __init__(self, total: int, out: TextIO) -> None:
        self._total = total
        self._out = out
        self._is_terminal = out.isatty()
        self._began = self._shown = time.monotonic()

    def show(self, done: int) -> None:
        """Show that so much is done."""
        now = time.monotonic()
        if not self._is_terminal and now - self._shown < _PLAIN_INTERVAL and done < self._total:
            return
        self._shown = now
        seconds = max(now - self._began, 1e-9)
        filled = _WIDTH * done // max(self._total, 1)
        bar = "#" * filled + "." * (_WIDTH - filled)
        text = f"  [{bar}] {done:>5,} of {self._total:,} {done / seconds:>6,.0f}/s {seconds:>5.1f} s"
        self._write(f"\r{text}" if self._is_terminal else f"{text}\n")

    def note(self, text: str) -> None:
        """Put a line above the bar."""
        self._write(f"\r{text:<79}\n" if self._is_terminal else f"{text}\n")

    def end(self) -> None:
        """Leave the line as it is."""
        if self._is_terminal:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
