"""Run the long proofs; `scripts/prove --help` says how."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from page import PAGE, render
from parts import PARTS, Part
from record import Record, now, read, sources, write


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove what is asked, render the page, and return 1 if anything did not pass."""
    parser = argparse.ArgumentParser(prog="scripts/prove")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    if options.check:
        return _check()
    failed = []
    for name in options.parts or PARTS:
        if not _prove(PARTS[name], quick=options.quick, again=options.again):
            failed.append(name)
        if not options.quick:
            PAGE.write_text(render(), encoding="utf-8")
    print(f"\nFAILED: {', '.join(failed)}" if failed else "\nall that was asked has passed")
    return int(bool(failed))


def _check() -> int:
    if PAGE.read_text(encoding="utf-8") == render():
        return 0
    print(f"{PAGE} is not what the last proofs have found; scripts/prove writes it")
    return 1


def _prove(part: Part, *, quick: bool, again: bool) -> bool:
    state, before = sources(), read(part.name)
    if before is not None and before.passed and before.sources == state and not again and not quick:
        print(f"{part.name}: has passed on {before.at} with these sources")
        return True
    print(f"{part.name}: {part.title}", flush=True)
    began = time.monotonic()
    found = part.prove(quick)
    seconds = round(time.monotonic() - began)
    print(f"{part.name}: {'passed' if not found.faults else 'FAILED'} after {seconds} s")
    for name, value in found.figures.items():
        print(f"  {name}: {value}")
    for fault in found.faults:
        print(f"  WRONG: {fault}")
    if not quick:
        write(
            part.name,
            Record(not found.faults, now(), seconds, state, found.figures, found.faults, found.table),
        )
    return not found.faults


if __name__ == "__main__":
    sys.exit(main())
