"""The queues of a worker: names in their order, or names with weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PAUSES: Final = "pauses"
"""The group of the global config that says which queues are paused."""
HEAVIEST: Final = 10_000
"""The largest weight of a queue: one of weight 1 has every ten-thousandth turn beside it."""

_WEIGHTED: Final = re.compile(r"(.+)=([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Weights:
    """What `config.queues` says."""

    names: tuple[str, ...]
    weights: Mapping[str, int]
    is_weighted: bool

    @classmethod
    def of(cls, queues: Sequence[str]) -> Weights:
        """Read names such as `default`, or `default=3` with a weight; one without has 1."""
        weights: dict[str, int] = {}
        is_weighted = False
        for text in queues:
            match = _WEIGHTED.fullmatch(text)
            is_weighted = is_weighted or match is not None
            name, weight = (match[1], int(match[2])) if match else (text, 1)
            weights.setdefault(name, weight)
        return cls(tuple(weights), weights, is_weighted)


def problem_of(queues: Sequence[str]) -> str:
    """Return what is wrong with weights, or with names that come twice; empty where nothing is."""
    names: set[str] = set()
    for text in queues:
        name, weight = text, "1"
        if "=" in text:
            name, _, weight = text.rpartition("=")
        if not _WEIGHTED.fullmatch(f"-={weight}") or not 0 < int(weight) <= HEAVIEST:
            return (
                f"the weight of queue {name[:50]!r} must be a whole number from 1 to {HEAVIEST}, "
                f"not {weight[:50]!r}"
            )
        if name in names:
            return f"queue {name[:50]!r} is named twice"
        names.add(name)
    return ""
