"""Each backend fits the protocols: a wrong method or type is an error here."""

from qtasks.backends import Backend
from qtasks.memory import BACKEND as MEMORY
from qtasks.memory import AsyncMemoryBroker, AsyncMemoryGlobalConfig, AsyncMemoryStorage
from qtasks.protocols import Broker, GlobalConfig, Serializer, Starter, Storage, Worker
from qtasks.serialization import JSON
from qtasks.starters import AsyncStarter
from qtasks.workers import AsyncWorker
from qtasks_sqlite import BACKEND as SQLITE
from qtasks_sqlite import AsyncSQLiteBroker, AsyncSQLiteGlobalConfig, AsyncSQLiteStorage

brokers: list[type[Broker]] = [AsyncMemoryBroker, AsyncSQLiteBroker]
storages: list[type[Storage]] = [AsyncMemoryStorage, AsyncSQLiteStorage]
configs: list[type[GlobalConfig]] = [AsyncMemoryGlobalConfig, AsyncSQLiteGlobalConfig]
backends: list[Backend] = [MEMORY, SQLITE]
worker: type[Worker] = AsyncWorker
starter: type[Starter] = AsyncStarter
serializer: Serializer = JSON

not_a_broker: type[Broker] = AsyncMemoryStorage  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
