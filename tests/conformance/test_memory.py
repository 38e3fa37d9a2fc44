"""The in-memory backend keeps every promise."""

from __future__ import annotations

import pytest
from conformance.running import EASE

from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker, AsyncMemoryGlobalConfig, AsyncMemoryStorage
from qtasks.testing.conformance import BrokerConformance, ConfigConformance, Make, StorageConformance


class TestBroker(BrokerConformance):
    ease = EASE

    @pytest.fixture
    def make(self) -> Make:
        url = f"memory://{new_id()}"

        async def make() -> AsyncMemoryBroker:
            return AsyncMemoryBroker(url)

        return make


class TestStorage(StorageConformance):
    ease = EASE

    @pytest.fixture
    def make(self) -> Make:
        url = f"memory://{new_id()}"

        async def make() -> AsyncMemoryStorage:
            return AsyncMemoryStorage(url)

        return make


class TestConfig(ConfigConformance):
    ease = EASE

    @pytest.fixture
    def make(self) -> Make:
        url = f"memory://{new_id()}"

        async def make() -> AsyncMemoryGlobalConfig:
            return AsyncMemoryGlobalConfig(url)

        return make
