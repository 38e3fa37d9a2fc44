"""The two marks of pluggy: what a hook is, and what implements one."""

from __future__ import annotations

from typing import Final

from pluggy import HookimplMarker, HookspecMarker

PROJECT: Final = "qtasks"

hookspec: Final = HookspecMarker(PROJECT)
hookimpl: Final = HookimplMarker(PROJECT)
"""Marks a method or function as the implementation of the trigger whose name it has."""
