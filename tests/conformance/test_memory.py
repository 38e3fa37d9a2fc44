"""The in-memory backend keeps every promise."""

from __future__ import annotations

import pytest

from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker, AsyncMemoryGlobalConfig, AsyncMemoryStorage
from qtasks.testing.conformance import BrokerConformance, ConfigConformance, Make, StorageConformance


class TestBroker(BrokerConformance):
    @pytest.fixture
    def make(self) -> Make:
        url = f"memory://{new_id()}"

        async def make() -> AsyncMemoryBroker:
            return AsyncMemoryBroker(url)

        return make


class TestStorage(StorageConformance):
    @pytest.fixture
    def make(self) -> Make:
        url = f"memory://{new_id()}"

        async def make() -> AsyncMemoryStorage:
            return AsyncMemoryStorage(url)

        return make


class TestConfig(ConfigConformance):
    @pytest.fixture
    def make(self) -> Make:
        url = f"memory://{new_id()}"

        async def make() -> AsyncMemoryGlobalConfig:
            return AsyncMemoryGlobalConfig(url)

        return make
