"""The command `qtasks`; `docs/cli.md` describes it."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    if find_spec("click") is None:
        sys.exit(_without_click())
    from qtasks.cli.commands import qtasks  # needs click, which a plain install does not have
    from qtasks.cli.output import forgive_encoding

    forgive_encoding()
    qtasks.main(prog_name="qtasks")


def _without_click() -> int:
    print('the qtasks command needs click: pip install "qtasks[cli]"', file=sys.stderr)
    return 2
