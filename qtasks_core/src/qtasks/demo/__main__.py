"""`python -m qtasks.demo`: exit code 0 if everything adds up, 1 if not, 2 if something is not installed."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from qtasks.errors import BackendNotFound


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m qtasks.demo", description=__doc__)
    parser.add_argument("--files", type=int, metavar="N", help="take only so many files")
    limit: int | None = parser.parse_args(arguments).files
    if os.name != "posix":
        return _refuse("the demo kills a process with SIGKILL, which only POSIX systems have")
    if find_spec("click") is None:
        return _refuse('the demo starts workers by the command: pip install "qtasks[sqlite]"')
    try:
        faults = asyncio.run(_demo(limit))
    except BackendNotFound as exc:
        return _refuse(str(exc))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nstopped; the workers and the temporary files are gone")
        return 130
    for fault in faults:
        print(f"WRONG: {fault}")
    return 1 if faults else 0


def _refuse(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


async def _demo(limit: int | None) -> Sequence[str]:
    # The app names a backend when it is made, and that may be missing.
    from qtasks.demo.play import Stalled, play
    from qtasks.demo.words import library
    from qtasks.demo.workers import WorkerEnded

    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    files = library()[:limit]
    print(f"QTasks counts the words of {len(files):,} files of Python's standard library, one task a file.")
    with tempfile.TemporaryDirectory(prefix="qtasks-demo-") as folder:
        try:
            balance = await play(files, Path(folder))
        except (WorkerEnded, Stalled) as exc:
            return [str(exc)]
    print(balance.table())
    faults = list(balance.faults())
    if not faults:
        print("\nEverything adds up: words and digest are those of the straight loop.")
    return faults


if __name__ == "__main__":
    sys.exit(main())
