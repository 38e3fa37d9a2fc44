"""`docs/proofs.md`, made of what was found."""

from __future__ import annotations

from collections.abc import Iterator

from parts import PARTS, Part
from record import ROOT, Record, read

PAGE = ROOT / "docs" / "proofs.md"

_HEAD = """# Proofs

What takes too long for `scripts/test` is proven by `scripts/prove`, which writes this page. Each part tells
when it was last proven, on what, and what came out; `scripts/prove PART --again` proves it here and now.
"""

_ABOUT = {
    "storm": """\
2,000 tasks, whose bodies last 10 to 50 ms on the loop or in threads, are worked off by two processes with
two slots each. About every 0.7 s one of them is killed with SIGKILL and replaced, until the last task is
final. The lease is 1 s. Each body writes id, token and process into a file that only grows. Then every task
must be final and successful with its own result; and where the file holds a task twice, the record must say
that the lease of the earlier run, by its token, was lost.

`ran_again` counts those runs; `overlapping` counts runs that went on although the next one had begun;
`longest_gap` is the longest time from a kill to the next run of a task that it cut short, under full load.
`takeovers`: seconds from the kill of the worker of the only task to its next run, by a worker that was idle;
2 s are allowed.""",
    "bench": "[Performance](performance.md) tells what the rows mean and where the time of a task goes.",
    "demo": "One of two workers is killed half-way. It must add up, and take less than a minute.",
    "wheels": "`tests/acceptance`: what users install and type, in an environment outside of the tree.",
}


def render() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *(line for part in PARTS.values() for line in _section(part, read(part.name)))])


def _section(part: Part, record: Record | None) -> Iterator[str]:
    yield f"## {part.name}\n\n{part.title}.\n\n{_ABOUT[part.name]}\n"
    if record is None:
        yield "Not proven yet.\n"
        return
    verdict = "Passed" if record.passed else "**Failed**"
    yield f"{verdict} on {record.at} in {record.seconds} s: sources `{record.sources}`,"
    yield f"Python {record.python}, SQLite {record.sqlite}, {record.machine}.\n"
    if record.figures:
        yield "| figure | value |\n|---|---|"
        yield from (f"| {name} | {value} |" for name, value in record.figures.items())
        yield ""
    if record.table:
        yield f"```\n{record.table}\n```\n"
    yield from (f"* wrong: {fault}" for fault in record.faults)
