"""The queues of a worker: names in their order, or names with weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PAUSES: Final = "pauses"
"""The group of the global config that says which queues are paused."""

_WEIGHTED: Final = re.compile(r"(.+)=(\d+)")


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


def is_weighted_name(text: str) -> bool:
    """Whether it would be read as a name with a weight."""
    return _WEIGHTED.fullmatch(text) is not None
