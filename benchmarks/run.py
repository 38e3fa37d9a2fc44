"""Measure QTasks on every backend that is found, beside the raw limit of the same statements.

Prints a table and writes JSON. Each round measures the raw limit and QTasks by turns; what is shown
is the median of the rounds. Exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import report
from machine import CORES, Pinning, busy_seconds, facts, own_seconds, wait_until_quiet
from rounds import FULL, QUICK, Found, Places, Size, alone, idle, shared

from qtasks import discovery

RAW = {"sqlite"}
"""Backends whose raw limit is measured, and which have targets."""
FILES = {"sqlite"}
"""Backends that need no server."""
QUIET = 0.3
"""Cores that foreign processes may use before the figures are called disturbed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    options = _options(arguments)
    size, pinning = QUICK if options.quick else FULL, Pinning(wanted=options.pin)
    urls = {url.partition("://")[0]: url for url in options.url}
    began, busy, own = time.monotonic(), busy_seconds(), own_seconds()
    result: dict[str, Any] = {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "machine": facts()}
    result |= {"pinned": pinning.wanted, "rounds": options.rounds, "tasks": size.tasks, "backends": {}}
    missed = False
    for scheme in sorted(discovery.find(discovery.SCHEMES), reverse=True):
        if options.backend and scheme not in options.backend:
            continue
        found = _measure(scheme, urls.get(scheme), options, size, pinning)
        if found is None:
            continue
        rows = list(report.rows(found, targets=scheme in RAW))
        missed |= any(row.met is False for row in rows)
        print(f"\n{scheme}://, {options.rounds} rounds, {'pinned' if pinning.wanted else 'not pinned'}\n")
        print(report.table(rows))
        result["backends"][scheme] = report.as_json(found, rows)
    seconds = time.monotonic() - began
    foreign = max(busy_seconds() - busy - (own_seconds() - own), 0.0) / seconds
    result |= {"seconds": round(seconds), "foreign_cores": round(foreign, 2)}
    print(f"\n{len(CORES)} cores, {seconds:.0f} s; foreign processes used {foreign:.2f} cores meanwhile")
    if foreign > QUIET:
        print("the machine was not quiet: measure again")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written to {options.json}")
    return int(missed)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("--backend", action="append", metavar="SCHEME", help="only this one; repeatable")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="little of everything: to see that it works")
    parser.add_argument(
        "--pin",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="give the measured process one core and its caller another, so that figures repeat (default)",
    )
    parser.add_argument(
        "--url",
        action="append",
        default=[],
        help="where the server of a backend is, such as redis://localhost:6379/9; its tasks are removed",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=20.0,
        help="seconds that a round waits for a quiet machine (%(default)s)",
    )
    parser.add_argument("--folder", type=Path, help="where files of tasks go: on the disk to be measured")
    parser.add_argument("--json", type=Path, default=Path("build/benchmark.json"), help="(%(default)s)")
    return parser.parse_args(arguments)


def _measure(
    scheme: str, url: str | None, options: argparse.Namespace, size: Size, pinning: Pinning
) -> Found | None:
    found = Found()
    is_shared = discovery.backend_for(f"{scheme}://").limits.shared
    if is_shared and url is None and scheme not in FILES:
        print(f"\n{scheme}://: left out; say where its server is with --url {scheme}://…")
        return None
    for number in range(options.rounds):
        wait_until_quiet(QUIET, options.patience)
        print(f"{scheme}: round {number + 1} of {options.rounds}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="qtasks-bench-", dir=options.folder) as folder:
            places = Places(scheme, url, Path(folder))
            if is_shared:
                shared(places, size, pinning, found, raw=scheme in RAW)
            else:
                alone(f"{scheme}://", size, pinning, found)
            if is_shared and not number:
                idle(places, size, pinning, found)
    return found


if __name__ == "__main__":
    sys.exit(main())
