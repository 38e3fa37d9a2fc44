"""In-memory backends that are broken in one way each; their names say how."""

from __future__ import annotations

from conformance.broken import (  # noqa: F401  # each registers its mutants
    accepting,
    apps,
    burying,
    cancelling,
    choosing,
    config,
    counting,
    delivering,
    ending,
    fencing,
    finding,
    inspecting,
    leasing,
    limiting,
    listening,
    living,
    losing,
    ordering,
    purging,
    recording,
    reporting,
    resting,
    signalling,
    unique,
    waiting,
    watching,
)
from conformance.mutating import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant"]
