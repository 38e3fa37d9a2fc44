"""Variables of the environment: those that are nearly a setting, and those that nothing reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final

PREFIX: Final = "QTASKS_"
"""What the variables of QTasks begin with."""
OTHERS: Final = frozenset({"QTASKS_URL", "QTASKS_PLUGINS", "QTASKS_TRACE_PLUGINS"})
"""Variables that are read and are no settings."""
_INNER: Final = frozenset({"QTASKS_LIFELINE", "QTASKS_DEMO_LEDGER"})
"""Variables that processes of QTasks set for one another."""


def misspelt(prefix: str, fields: Iterable[str]) -> Mapping[str, str]:
    """Return the variables that are nearly one that is read, each with the right name.

    Args:
        prefix: What the variables of settings begin with.
        fields: The names of the settings.
    """
    known = _known(prefix, fields)
    near = ((variable, _nearest(variable, prefix, known)) for variable in _unknown(prefix, known))
    return {variable: right for variable, right in near if right is not None}


def unread(prefix: str, fields: Iterable[str]) -> list[str]:
    """Return the variables with this prefix that nothing reads, and that are near to none."""
    known = _known(prefix, fields)
    return [each for each in _unknown(prefix, known) if _nearest(each, prefix, known) is None]


def _known(prefix: str, fields: Iterable[str]) -> set[str]:
    others = OTHERS if prefix == PREFIX else ()
    return {*(prefix + field.upper() for field in fields), *others}


def _unknown(prefix: str, known: set[str]) -> list[str]:
    begin, no_concern = prefix.upper(), known | OTHERS | _INNER
    return sorted(each for each in os.environ if each.upper().startswith(begin) and each not in no_concern)


def _nearest(variable: str, prefix: str, known: set[str]) -> str | None:
    """Return the name that is meant; None where the variable has only the prefix in common with all."""
    given = variable[len(prefix) :].upper()
    found = []
    for name in sorted(known):
        right = name[len(prefix) :]
        edits = _edits(given, right)
        is_its_begin = "_" in given and right.startswith(f"{given}_")
        if is_its_begin or (given[:1] == right[:1] and edits <= max(1, len(right) // 5)):
            found.append((edits, name))
    return min(found)[1] if found else None


def _edits(one: str, other: str) -> int:
    """Return how many letters must be put in, taken out, replaced or exchanged with their neighbours."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], wanted):
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]
