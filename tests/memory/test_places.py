"""What a `memory://` URL stands for, and who shares it."""

from __future__ import annotations

import pytest

from qtasks.errors import ConfigError, EncodeError, UsageError
from qtasks.ids import new_id
from qtasks.memory import BACKEND, AsyncMemoryBroker, AsyncMemoryGlobalConfig, AsyncMemoryStorage
from qtasks.models import Message
from qtasks.testing import TestSetup


async def start(broker: AsyncMemoryBroker, app: str = "tests") -> AsyncMemoryBroker:
    """Start a broker with what it owns."""
    setup = TestSetup(name=app)
    await broker.storage.global_config.start(setup)
    await broker.storage.start(setup)
    await broker.start(setup)
    return broker


def message() -> Message:
    """Return any message."""
    return Message(new_id(), "add", "default", 0, b"{}", 0.0)


@pytest.mark.parametrize("url", [None, "memory://"])
async def test_unnamed_place_is_private(url: str | None) -> None:
    """Two brokers without a named place do not see each other's tasks."""
    one, other = await start(AsyncMemoryBroker(url)), await start(AsyncMemoryBroker(url))

    await one.publish([message()])

    assert (await one.storage.counts()).total == 1
    assert (await other.storage.counts()).total == 0


async def test_named_place_is_shared() -> None:
    """Two brokers of one name are one place, also in another order of creation."""
    url = f"memory://{new_id()}"
    one, other = await start(AsyncMemoryBroker(url)), await start(AsyncMemoryBroker(url))

    await one.publish([message()])

    assert (await other.storage.counts()).total == 1


async def test_broker_takes_part_in_the_place_of_its_storage() -> None:
    """A broker without a named place joins the memory storage that it is given."""
    storage = AsyncMemoryStorage()

    broker = AsyncMemoryBroker(storage=storage)

    assert broker.storage is storage
    assert storage.joins(broker)


def test_two_named_places_stay_apart() -> None:
    """A storage of another place is not joined, nor one of another app."""
    storage = AsyncMemoryStorage("memory://there")

    assert not storage.joins(AsyncMemoryBroker("memory://here", storage=storage))
    assert AsyncMemoryStorage("memory://here").joins(AsyncMemoryBroker("memory://here"))
    named = AsyncMemoryBroker("memory://here", name="shop")
    assert not AsyncMemoryStorage("memory://here", name="mail").joins(named)
    assert AsyncMemoryStorage("memory://here", name="shop").joins(named)


async def test_apart_broker_forgets_what_has_ended() -> None:
    """A broker whose records are elsewhere keeps nothing of a task whose outcome it has taken."""
    storage = AsyncMemoryStorage(f"memory://{new_id()}")
    broker = await start(AsyncMemoryBroker(f"memory://{new_id()}", storage=storage))
    await broker.publish([message()])

    assert (await storage.counts()).total == 0
    assert broker.location is not storage.location


@pytest.mark.parametrize("component", [AsyncMemoryBroker, AsyncMemoryStorage, AsyncMemoryGlobalConfig])
def test_url_of_another_backend_is_refused(component: type[AsyncMemoryBroker]) -> None:
    """A URL of another scheme is an error that says what is wanted."""
    with pytest.raises(ConfigError, match="no options: write memory://"):
        AsyncMemoryBroker("memory://?size=3")
    with pytest.raises(ConfigError, match="memory://name, not 'sqlite:///x'"):
        component("sqlite:///x")


async def test_calls_before_the_start_say_so() -> None:
    """Every component that is not started says which one it is and what to do."""
    broker = AsyncMemoryBroker()

    with pytest.raises(UsageError, match="broker is not started"):
        await broker.publish([])
    with pytest.raises(UsageError, match="storage is not started"):
        await broker.storage.counts()
    with pytest.raises(UsageError, match="config is not started"):
        await broker.storage.global_config.workers()


async def test_setting_that_is_no_json_is_refused() -> None:
    """A setting must be a JSON value; the error names its key."""
    config = AsyncMemoryGlobalConfig()
    await config.start(TestSetup())

    with pytest.raises(EncodeError, match="group/key"):
        await config.set("group", "key", object())


def test_backend_says_what_it_cannot_do() -> None:
    """It is neither durable nor shared between processes."""
    assert (BACKEND.name, BACKEND.limits.durable, BACKEND.limits.shared) == ("memory", False, False)
    assert BACKEND.broker is AsyncMemoryBroker
    assert BACKEND.storage is AsyncMemoryStorage
    assert BACKEND.global_config is AsyncMemoryGlobalConfig


def test_components_have_the_name_that_they_were_given() -> None:
    """A name reaches what a component makes for itself."""
    broker = AsyncMemoryBroker(name="shop")

    assert broker.name == broker.storage.name == broker.storage.global_config.name == "shop"
    assert AsyncMemoryBroker().name is None
