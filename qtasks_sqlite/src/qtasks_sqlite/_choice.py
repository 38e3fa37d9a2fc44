"""Which queues a consumer takes from, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from qtasks.errors import ConfigError
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._rows import Row

MOST_QUEUES: Final = 500
"""SQLite joins no more SELECTs: sqlite.org/limits.html."""


class Choice:
    """Tiers of queues; a queue that is named twice counts where it is named first.

    Raises:
        ConfigError: There are too many queues.
    """

    def __init__(self, tiers: Iterable[Sequence[str]]) -> None:
        self._ranks: dict[str, tuple[int, int]] = {}
        sizes = []
        for number, tier in enumerate(tiers):
            before = len(self._ranks)
            for queue in tier:
                self._ranks.setdefault(queue, (number, len(self._ranks)))
            sizes.append(len(self._ranks) - before)
        if len(self._ranks) > MOST_QUEUES:
            raise ConfigError(f"a worker takes from at most {MOST_QUEUES} queues, not {len(self._ranks)}")
        self.statement = sql.claim(*sizes)
        self.names = {f"queue{rank}": queue for rank, queue in enumerate(self._ranks)}
        """The values of the statement."""

    def place(self, row: Row) -> tuple[object, ...]:
        """Return what rows of the statement are ordered by."""
        tier, rank = self._ranks[row[5]]
        return tier, -row[0], rank, row[1], row[2]
