"""The parts: what each proves, and how."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from record import ROOT

sys.path.insert(0, str(ROOT / "tests"))

DEMO_SECONDS = 60.0
"""What the demo may take, set-up not counted."""


@dataclass
class Found:
    """What came out of a part."""

    figures: Mapping[str, Any] = field(default_factory=dict)
    faults: Sequence[str] = ()
    table: str = ""


@dataclass(frozen=True)
class Part:
    """One proof."""

    name: str
    title: str
    prove: Callable[[bool], Found]
    """Called with whether it has to be quick."""


def _storm(quick: bool) -> Found:
    from storm.weather import ALLOWED_TAKEOVER, FULL, SHORT, storm, takeover

    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(storm(_file(folder), Path(folder), SHORT if quick else FULL))
    seconds = []
    for _ in range(1 if quick else 10):
        with tempfile.TemporaryDirectory() as folder:
            seconds.append(round(asyncio.run(takeover(_file(folder), Path(folder))), 2))
    late = [f"an idle worker took over after {one} s" for one in seconds if one > ALLOWED_TAKEOVER]
    figures = {**outcome.figures(), "takeovers": seconds, "slowest_takeover": max(seconds)}
    return Found(figures, [*outcome.faults[:20], *late])


def _file(folder: str) -> str:
    return f"sqlite:///{folder}/storm.db"


def _bench(quick: bool) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.json"
        done = _run(
            "benchmarks/run.py", "--json", str(path), *(["--quick", "--rounds", "1"] if quick else [])
        )
        if not path.exists():
            return Found(faults=[done.stderr[-2000:]])
        result = json.loads(path.read_text(encoding="utf-8"))
    missed = [
        f"{scheme}: {row['label']} is {row['ours']:.1f} {row['unit']}, not {row['target']}"
        for scheme, backend in result["backends"].items()
        for row in backend["rows"]
        if row["met"] is False
    ]
    figures = {
        "pinned": result["pinned"],
        "rounds": result["rounds"],
        "foreign_cores": result["foreign_cores"],
    }
    return Found(figures, missed, done.stdout.partition("\nwritten to")[0].strip())


def _demo(quick: bool) -> Found:
    began = time.monotonic()
    done = _run("-m", "qtasks.demo", *(["--files", "300"] if quick else []))
    seconds = time.monotonic() - began
    if done.returncode:
        return Found(faults=[f"it has ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}"])
    late = [f"it took {seconds:.0f} s"] if seconds > DEMO_SECONDS else []
    return Found(faults=late, table=done.stdout[done.stdout.index("  tasks in") :].rstrip())


def _wheels(quick: bool) -> Found:
    done = _run("-m", "pytest", "-q", "tests/acceptance", *(["-x"] if quick else []))
    summary = done.stdout.strip().rpartition("\n")[2]
    return Found({"tests": summary}, [done.stdout[-3000:]] if done.returncode else [])


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)


_ALL = (
    Part(
        "storm", "Workers are killed all the time; nothing is lost, nothing runs twice without cause", _storm
    ),
    Part("bench", "Speed, beside the raw limit of the same statements", _bench),
    Part("demo", "The demo on the whole standard library", _demo),
    Part("wheels", "Built, installed outside of the tree, and used from there", _wheels),
)
PARTS: Mapping[str, Part] = {part.name: part for part in _ALL}
"""By name, in the order in which they are run."""
