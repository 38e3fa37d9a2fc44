"""What `qtasks doctor` finds; a backend adds its own checks by the field `doctor` of its `Backend`.

```python
async def doctor(url: str) -> AsyncIterator[Check]:
    yield Check(Level.OK, "journal mode is WAL")
    yield Check(Level.PROBLEM, "the file is on NFS, where locks do not hold", "move it to a local disk")
```
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Tasks run, and something about it may surprise."""
    PROBLEM = "problem"
    """Tasks cannot run, or may be lost; `qtasks doctor` exits with 1."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    level: Level
    text: str
    """What was found. Never a password."""
    hint: str = ""
    """What to do about it; empty where all is well."""


Doctor = Callable[[str], AsyncIterator[Check]]
"""Called with the URL of the app; may open it for reading, and changes nothing."""
