"""In-memory backends that are broken in one way each; their names say how."""

from __future__ import annotations

from conformance.broken import (  # noqa: F401  # each registers its mutants
    accepting,
    apps,
    config,
    counting,
    delivering,
    ending,
    fencing,
    leasing,
    living,
    ordering,
    recording,
    waiting,
)
from conformance.mutating import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant"]
