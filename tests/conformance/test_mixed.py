"""A broker of one backend over the storage of another keeps every promise: the core writes both."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.running import EASE

from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker, AsyncMemoryStorage
from qtasks.testing.conformance import BrokerConformance, Make
from qtasks_sqlite import AsyncSQLiteBroker, AsyncSQLiteStorage

pytestmark = pytest.mark.once


class TestMemoryOverMemory(BrokerConformance):
    """Two places are two backends."""

    separate_storage = True
    ease = EASE

    @pytest.fixture
    def make(self) -> Make:
        tasks, records = f"memory://tasks-{new_id()}", f"memory://records-{new_id()}"

        async def make() -> AsyncMemoryBroker:
            return AsyncMemoryBroker(tasks, storage=AsyncMemoryStorage(records))

        return make


class TestMemoryOverSQLite(BrokerConformance):
    separate_storage = True
    ease = EASE

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        url = f"memory://{new_id()}"

        async def make() -> AsyncMemoryBroker:
            return AsyncMemoryBroker(url, storage=AsyncSQLiteStorage(f"sqlite:///{tmp_path}/records.db"))

        return make


class TestSQLiteOverMemory(BrokerConformance):
    separate_storage = True
    ease = EASE

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        url = f"memory://{new_id()}"

        async def make() -> AsyncSQLiteBroker:
            return AsyncSQLiteBroker(f"sqlite:///{tmp_path}/tasks.db", storage=AsyncMemoryStorage(url))

        return make


class TestSQLiteOverSQLite(BrokerConformance):
    """Two files are two backends."""

    separate_storage = True
    ease = EASE

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        async def make() -> AsyncSQLiteBroker:
            storage = AsyncSQLiteStorage(f"sqlite:///{tmp_path}/records.db")
            return AsyncSQLiteBroker(f"sqlite:///{tmp_path}/tasks.db", storage=storage)

        return make
