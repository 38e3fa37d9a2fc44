"""Imported for type checkers only by `late_annotations`: at run time these names do not exist there."""

from __future__ import annotations


class Hidden:
    """A class that the task's module does not import."""
