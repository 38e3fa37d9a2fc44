"""The page of proofs says what the proofs have found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_proofs_is_up_to_date() -> None:
    """Nobody has edited the page by hand, or kept figures without rendering them."""
    done = subprocess.run(
        [sys.executable, "scripts/proofs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
