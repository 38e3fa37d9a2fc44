"""Small programs that use an app, as processes of their own with every warning an error."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PRELUDE = """
import asyncio, gc, logging, os, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import qtasks, qtasks.asyncio
logging.getLogger("asyncio").setLevel("ERROR")  # no word of callbacks that a busy machine has made slow
"""
"""How each program begins."""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    out: str
    err: str


def run(source: str, *arguments: str, cwd: Path | None = None, **environment: str) -> Ended:
    """Run a program to its end, in the developer's mode of Python."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QTASKS_")}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PRELUDE + source, *arguments],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
