"""Starting and stopping the parts of an app in the right order, and telling plugins."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from qtasks.plugins.events import (
    BrokerStart,
    BrokerStop,
    GlobalConfigStart,
    GlobalConfigStop,
    StorageStart,
    StorageStop,
)

if TYPE_CHECKING:
    from qtasks.protocols import Broker, GlobalConfig, Storage
    from qtasks.runtime import Runtime


async def start_components(runtime: Runtime) -> AsyncExitStack:
    """Start config, storage and broker in this order; closing the stack stops them in reverse.

    If one cannot start, those that did are stopped.
    """
    broker = runtime.dispatch.broker
    async with AsyncExitStack() as stack:
        await _start_config(runtime, broker.storage.global_config, stack)
        await _start_storage(runtime, broker.storage, stack)
        await _start_broker(runtime, broker, stack)
        return stack.pop_all()


async def _start_config(runtime: Runtime, config: GlobalConfig, stack: AsyncExitStack) -> None:
    triggers = runtime.triggers
    stack.push_async_callback(tell, triggers.global_config_stop, GlobalConfigStop, global_config=config)
    stack.push_async_callback(config.stop)
    await config.start(runtime)
    await tell(triggers.global_config_start, GlobalConfigStart, global_config=config)


async def _start_storage(runtime: Runtime, storage: Storage, stack: AsyncExitStack) -> None:
    triggers = runtime.triggers
    stack.push_async_callback(tell, triggers.storage_stop, StorageStop, storage=storage)
    stack.push_async_callback(storage.stop)
    await storage.start(runtime)
    await tell(triggers.storage_start, StorageStart, storage=storage)


async def _start_broker(runtime: Runtime, broker: Broker, stack: AsyncExitStack) -> None:
    triggers = runtime.triggers
    stack.push_async_callback(tell, triggers.broker_stop, BrokerStop, broker=broker)
    stack.push_async_callback(broker.stop)
    await broker.start(runtime)
    await tell(triggers.broker_start, BrokerStart, broker=broker, worker=None)


async def tell(hook: Any, event: Any, **values: Any) -> None:
    """Fire a notify hook, where somebody listens; the event is made only then."""
    if hook is not None:
        await hook(event(**values))
