"""From the values of all rounds to a table, and whether the targets are met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

from rounds import Found


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: what was measured, beside the raw limit and the target."""

    name: str
    label: str
    unit: str
    ours: float
    spread: tuple[float, float]
    """The least and the greatest of the rounds; of latencies the 5th and 99th percentile."""
    raw: float | None = None
    target: str = ""
    met: bool | None = None
    aimed: bool | None = None
    """Whether also the higher aim is reached."""

    @property
    def ratio(self) -> float | None:
        """Ours to raw."""
        return None if not self.raw else self.ours / self.raw


RATES = (
    ("enqueue_one", "enqueue, one by one"),
    ("enqueue_batch", "enqueue, batches of 100"),
    ("process_1", "process, 1 worker"),
    ("process_2", "process, 2 workers"),
)
OTHERS = (
    ("enqueue_batch_cpu_us", "enqueue in batches, CPU", "µs/task"),
    ("process_1_cpu_us", "process, 1 worker, CPU", "µs/task"),
    ("start_s", "spawn to first task", "s"),
    ("idle_percent", "idle worker", "% of a core"),
    ("idle_mb", "idle worker, memory", "MB"),
    ("peak_mb", "working, memory at most", "MB"),
)
SHARES = {"process_1": (0.20, 0.30), "enqueue_batch": (0.30, 0.50)}
"""Of the raw limit: what must be, and what is aimed at."""
LATENCY_MS, LATENCY_RATIO, IDLE_PERCENT = 4.0, 2.0, 0.5


def rows(found: Found, *, targets: bool) -> Iterator[Row]:
    """Yield the lines of one backend."""
    for name, label in RATES:
        if found.ours[name]:
            yield _rate(name, label, found, targets=targets)
    yield from _latencies(found, targets=targets)
    for name, label, unit in OTHERS:
        if values := found.ours[name]:
            met = median(values) <= IDLE_PERCENT if targets and name == "idle_percent" else None
            target = "" if met is None else f"<= {IDLE_PERCENT} %"
            yield Row(
                name=name,
                label=label,
                unit=unit,
                ours=median(values),
                spread=(min(values), max(values)),
                target=target,
                met=met,
            )


def _rate(name: str, label: str, found: Found, *, targets: bool) -> Row:
    values, raw = found.ours[name], found.raw[name]
    limit = median(raw) if raw else None
    target, met, aimed = "", None, None
    if targets and limit and name in SHARES:
        must, aim = SHARES[name]
        share = median(values) / limit
        target, met, aimed = f">= {must:.0%} of raw, aim {aim:.0%}", share >= must, share >= aim
    return Row(
        name=name,
        label=label,
        unit="tasks/s",
        ours=median(values),
        spread=(min(values), max(values)),
        raw=limit,
        target=target,
        met=met,
        aimed=aimed,
    )


def _latencies(found: Found, *, targets: bool) -> Iterator[Row]:
    values, raw = found.ours["latency"], found.raw["latency"]
    if not values:
        return
    cuts, limits = quantiles(values, n=100), quantiles(raw, n=100) if raw else None
    for percent in (50, 95, 99):
        ours, limit = cuts[percent - 1], None if limits is None else limits[percent - 1]
        judged = targets and percent == 50
        met = ours <= LATENCY_MS or (limit is not None and ours <= LATENCY_RATIO * limit)
        yield Row(
            name=f"latency_p{percent}",
            label=f"idle latency, p{percent}",
            unit="ms",
            ours=ours,
            spread=(cuts[4], cuts[98]),
            raw=limit,
            target=f"<= {LATENCY_MS:.0f} ms or <= {LATENCY_RATIO:.0f} x raw" if judged else "",
            met=met if judged else None,
        )


def table(lines: Sequence[Row]) -> str:
    """Return the lines for people."""
    head = f"{'':<26}{'qtasks':>10}{'raw':>10}{'ratio':>8}  {'unit':<12} {'least':>9} … {'most':<9} target"
    return "\n".join([head, *map(_line, lines)])


def _line(row: Row) -> str:
    raw = "" if row.raw is None else _number(row.raw)
    ratio = "" if row.ratio is None else (f"{row.ratio:.1f} x" if row.unit == "ms" else f"{row.ratio:.0%}")
    verdict = {None: "", True: "met" if row.aimed is not False else "met, aim missed", False: "MISSED"}[
        row.met
    ]
    target = f"{row.target}: {verdict}" if row.target else ""
    least, most = map(_number, row.spread)
    text = f"{row.label:<26}{_number(row.ours):>10}{raw:>10}{ratio:>8}"
    return f"{text}  {row.unit:<12} {least:>9} … {most:<9} {target}".rstrip()


def _number(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def as_json(found: Found, lines: Sequence[Row]) -> dict[str, Any]:
    """Return the lines with their ratios, and the value of each round."""
    return {
        "rows": [{**asdict(row), "ratio": row.ratio} for row in lines],
        "rounds": {
            "ours": {name: values for name, values in found.ours.items() if name != "latency"},
            "raw": {name: values for name, values in found.raw.items() if name != "latency"},
        },
    }
