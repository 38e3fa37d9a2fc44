"""What a backend is: three classes behind a URL scheme, and the numbers in which it differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtasks.doctor import Doctor
from qtasks.protocols import Broker, GlobalConfig, Storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The numbers in which backends differ; the conformance kit tests up to them."""

    durable: bool
    """An accepted task survives the end of every process."""
    shared: bool
    """Several processes may work on one queue."""
    priority_levels: int = 10
    """So many steps of priority are told apart. It is ten: the kit demands that 0 … 9 all are."""
    delay_lateness: float = 0.02
    """Seconds by which a delayed task may start late on an idle system, p99."""
    longest_delay: float = 10 * 365 * 86_400.0
    """Seconds."""
    peeks: bool = True
    """`peek` shows what is next in a queue."""
    wake_up: str = "push"
    """How idle workers and waiters learn of news, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What the entry point of a URL scheme in the group `qtasks.schemes` names.

    A broker made by `broker(url=…)` makes its storage and config from the same URL.
    """

    name: str
    broker: Callable[..., Broker]
    storage: Callable[..., Storage]
    global_config: Callable[..., GlobalConfig]
    limits: Limits
    doctor: Doctor | None = None
    """What `qtasks doctor` asks of this backend besides."""
