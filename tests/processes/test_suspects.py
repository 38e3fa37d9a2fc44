"""Which deliveries a worker does not hold together."""

from __future__ import annotations

from qtasks.config import QueueConfig
from qtasks.models import Delivery, GiveBackReason, Token
from qtasks.worker.held import Held
from qtasks.worker.suspects import LONGEST, SHORTEST, Suspects


def delivery(name: str, losses: int, since: float = 0.0) -> Delivery:
    """Return a delivery that was lost so often."""
    return Delivery(name, "task", "default", 0, b"", Token(1, 1, losses + 1), 0.0, since, losses=losses)


def suspects(most: int = 5) -> tuple[Suspects, Held]:
    """Return what a worker with nothing in hand starts with."""
    held = Held()
    return Suspects(QueueConfig(max_deliveries=most), held), held


def test_one_suspect_is_kept_and_the_others_go_back() -> None:
    """Of those that the next loss would end, the first stays; what was lost less often stays too."""
    watch, held = suspects()
    batch = [delivery("a", 3), delivery("b", 4), delivery("c", 4), delivery("d", 0), delivery("e", 5)]
    held.add(batch)

    (returned,) = watch.surplus(batch, 1.0)

    assert (returned.id, returned.token, returned.reason) == ("c", Token(1, 1, 5), GiveBackReason.APART)


def test_the_next_suspect_has_its_turn_when_the_first_is_out_of_hand() -> None:
    """While one is held, every further one goes back; afterwards the next one stays."""
    watch, held = suspects()
    first, second = delivery("a", 4), delivery("b", 4)
    held.add([first])
    assert watch.surplus([first], 1.0) == []

    held.add([second])
    assert [returned.id for returned in watch.surplus([second], 1.0)] == ["b"]
    held.drop([first])
    assert watch.surplus([second], 1.0) == []


def test_a_first_delivery_is_no_suspect() -> None:
    """Where one loss is enough to end a task, nothing tells poison from others beforehand."""
    watch, held = suspects(most=1)
    batch = [delivery("a", 0), delivery("b", 0)]
    held.add(batch)

    assert watch.surplus(batch, 1.0) == []


def test_the_longer_it_has_waited_the_later_it_comes_back() -> None:
    """The delay grows with the age, from a tenth of a second to a minute."""
    watch, held = suspects()
    batch = [
        delivery("kept", 4),
        delivery("new", 4, 99.5),
        delivery("old", 4, 0.0),
        delivery("older", 4, -9e4),
    ]
    held.add(batch)

    delays = [returned.delay for returned in watch.surplus(batch, 100.0)]

    assert delays == [SHORTEST, 10.0, LONGEST]
