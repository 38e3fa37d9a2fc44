"""The kit is proven: every promise has a mutant that breaks it, and each mutant is found."""

from __future__ import annotations

import pytest
from conformance.mutants import MUTANTS, Mutant
from conformance.running import SUITES, broken_promise, promises

pytestmark = pytest.mark.once

NAMED = sorted({promise for mutant in MUTANTS for promise in mutant.promises})


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_mutant_is_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each promise that is named for the mutant fails against it."""
    mutant.break_it(monkeypatch)

    kept = [
        name for suite, name in mutant.promises if await broken_promise(suite, name, is_hurried=True) is None
    ]

    assert kept == []


@pytest.mark.parametrize(("suite", "promise"), NAMED, ids=[f"{s}-{p}" for s, p in NAMED])
async def test_unbroken_backend_keeps_the_promise(suite: str, promise: str) -> None:
    """What finds a mutant passes, run in the same way, on the backend as it is."""
    assert await broken_promise(suite, promise) is None


def test_every_promise_has_a_mutant() -> None:
    """No promise of the kit is so weak that nothing can break it."""
    every = {(suite, promise) for suite in SUITES for promise in promises(suite)}

    assert {(suite, promise) for suite, promise in NAMED if suite in SUITES} == every


def test_every_contract_of_a_backend_has_a_mutant() -> None:
    """Each contract that a backend has to keep is broken by at least one mutant."""
    contracts = {mutant.contract for mutant in MUTANTS}

    assert contracts >= {
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
        "9",
        "10",
        "11",
        "15",
        "apps",
        "config",
        "unique",
        "limits",
    }


def test_mutants_say_what_they_do() -> None:
    """Each mutant has a name of its own and a sentence; `pytest -s` prints the table."""
    number = sum(len(promises(suite)) for suite in SUITES)
    print(f"\n{number} promises, {len(MUTANTS)} mutants")
    for mutant in MUTANTS:
        noticed = ", ".join(f"{suite}:{name}" for suite, name in mutant.promises)
        print(f"{mutant.contract:>7}  {mutant.name}: {mutant.text}\n         {noticed}")

    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(mutant.text.endswith(".") for mutant in MUTANTS)
