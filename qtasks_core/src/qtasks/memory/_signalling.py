"""A consumer and the signals to its worker."""

from __future__ import annotations

from qtasks.memory._board import Board
from qtasks.memory._mail import Box
from qtasks.models import Signal


def open_box(board: Board, box: Box) -> None:
    """Deliver signals to this box from now on, beginning with the wishes for what is held already."""
    with board.step():
        board.mail.open(box)
        for item in board.leases.held_by(box.worker_id):
            if item.cancel is not None:
                box.put(Signal(item.message.id, item.token, item.cancel))


def collect(board: Board, box: Box) -> list[Signal]:
    """Take out of the box what there is."""
    with board.step():
        return box.take()


def close_box(board: Board, box: Box) -> None:
    """Deliver to it no more."""
    with board.step():
        board.mail.close(box)
