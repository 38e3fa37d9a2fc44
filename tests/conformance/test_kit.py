"""What somebody who writes a backend relies on in the kit itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conformance.running import broken_promise

from qtasks.clock import SYSTEM_CLOCK
from qtasks.testing import FakeClock, TestSetup
from qtasks.testing.conformance import (
    BrokerConformance,
    ConfigConformance,
    StorageConformance,
    World,
    contracts,
)

THIRD_PARTY = """
import pytest
from qtasks.memory import AsyncMemoryBroker
from qtasks.testing.conformance import BrokerConformance

class Broken(AsyncMemoryBroker):
    async def publish(self, messages):
        await super().publish(messages[:-1])

class TestMine(BrokerConformance):
    @pytest.fixture
    def make(self, tmp_path):
        async def make():
            return AsyncMemoryBroker(f"memory://{tmp_path}")
        return make

class TestBroken(BrokerConformance):
    @pytest.fixture
    def make(self, tmp_path):
        async def make():
            return Broken(f"memory://{tmp_path}")
        return make
"""


def test_promise_cannot_be_replaced() -> None:
    """A subclass that replaces a promise is refused when it is defined, by name."""
    with pytest.raises(TypeError, match=r"Mine\.test_final_is_final replaces a promise"):

        class Mine(BrokerConformance):
            async def test_final_is_final(self, world: World) -> None:
                """Nothing."""


def test_promise_cannot_be_dropped() -> None:
    """Setting a promise to None is replacing it."""
    with pytest.raises(TypeError, match="replaces a promise"):
        type("Mine", (BrokerConformance,), {"test_final_is_final": None})


def test_known_gap_is_allowed_when_it_is_said() -> None:
    """A promise may be marked as not kept, with a reason; without one it may not."""

    class Mine(BrokerConformance):
        @pytest.mark.xfail(reason="the server forgets")
        async def test_final_is_final(self, world: World) -> None:
            """Known gap."""
            await super().test_final_is_final(world)

    with pytest.raises(TypeError):

        class Other(Mine):
            @pytest.mark.xfail
            async def test_final_is_final(self, world: World) -> None:
                """Unsaid gap."""


def test_own_tests_may_be_added() -> None:
    """A subclass may promise more."""

    class Mine(BrokerConformance):
        async def test_something_else(self, world: World) -> None:
            """More."""

    assert Mine.test_something_else.__doc__ == "More."


@pytest.mark.parametrize("suite", [BrokerConformance, StorageConformance, ConfigConformance])
def test_every_promise_is_a_sentence(suite: type) -> None:
    """Each test of the kit says in one sentence what it promises."""
    names = [name for name in dir(suite) if name.startswith("test_")]

    assert len(names) > 25
    for name in names:
        text = getattr(suite, name).__doc__ or ""
        assert text.endswith("."), name
        assert "\n" not in text, name


def test_page_of_contracts_is_that_of_the_kit() -> None:
    """The page in the documentation says what the kit proves; `scripts/contracts` writes it."""
    page = Path(__file__).parents[2] / "docs" / "contracts.md"

    assert page.read_text(encoding="utf-8") == contracts()


@pytest.mark.parametrize("suite", [BrokerConformance, StorageConformance, ConfigConformance])
def test_page_of_contracts_is_whole(suite: type) -> None:
    """It has a line for each promise of each suite, in the words of the kit."""
    page = contracts()

    for name in dir(suite):
        if name.startswith("test_"):
            title = name.removeprefix("test_").replace("_", " ")
            assert f"* **{title}.** {getattr(suite, name).__doc__}\n" in page


def test_third_party_file_runs(tmp_path: Path) -> None:
    """A file of a few lines proves a backend without any setting of pytest, and says what failed."""
    file = tmp_path / "test_mine.py"
    file.write_text(THIRD_PARTY)
    options = ["-p", "no:cacheprovider", "-q", "-k", "has_a_record"]
    command = [sys.executable, "-m", "pytest", *options, str(file)]

    run = subprocess.run(
        command, cwd=tmp_path, env=os.environ.copy(), capture_output=True, text=True, timeout=50, check=False
    )

    assert "1 failed, 1 passed" in run.stdout, run.stdout + run.stderr
    assert "there is no record of" in run.stdout
    assert "assert None is not None" in run.stdout


@pytest.mark.parametrize(
    "promise", ["test_task_of_a_lost_worker_comes_again", "test_retry_waits_for_its_moment"]
)
async def test_backend_with_a_clock_of_its_own(promise: str) -> None:
    """Where a backend takes the time from a server, the suite waits instead of moving the clock."""
    begun = SYSTEM_CLOCK.boot()

    assert await broken_promise("broker", promise, takes_clock=False) is None

    assert SYSTEM_CLOCK.boot() - begun >= 0.6


def test_fake_clock_moves_when_it_is_told() -> None:
    """Both clocks advance together; only the wall clock jumps; time never runs backwards."""
    clock = FakeClock()
    clock.advance(100)
    assert clock.now() - SYSTEM_CLOCK.now() == pytest.approx(100, abs=10)
    assert clock.boot() - SYSTEM_CLOCK.boot() == pytest.approx(100, abs=10)

    clock.jump(-3_600)
    assert clock.now() - SYSTEM_CLOCK.now() == pytest.approx(-3_500, abs=10)
    assert clock.boot() - SYSTEM_CLOCK.boot() == pytest.approx(100, abs=10)

    with pytest.raises(ValueError, match=r"jump\(\)"):
        clock.advance(-1)


def test_setup_has_all_that_a_component_is_given() -> None:
    """A setup without arguments is enough to start a component."""
    setup = TestSetup()

    assert setup.name
    assert setup.config.lease == 30.0
    assert setup.log.name.startswith("qtasks")
    assert setup.clock.now() > 0
