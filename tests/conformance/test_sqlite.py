"""The SQLite backend keeps every promise."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.running import EASE

from qtasks.testing.conformance import BrokerConformance, ConfigConformance, Make, StorageConformance
from qtasks_sqlite import AsyncSQLiteBroker, AsyncSQLiteGlobalConfig, AsyncSQLiteStorage


class TestBroker(BrokerConformance):
    ease = EASE

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        async def make() -> AsyncSQLiteBroker:
            return AsyncSQLiteBroker(f"sqlite:///{tmp_path}/tasks.db")

        return make


class TestStorage(StorageConformance):
    ease = EASE

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        async def make() -> AsyncSQLiteStorage:
            return AsyncSQLiteStorage(f"sqlite:///{tmp_path}/tasks.db")

        return make


class TestConfig(ConfigConformance):
    ease = EASE

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        async def make() -> AsyncSQLiteGlobalConfig:
            return AsyncSQLiteGlobalConfig(f"sqlite:///{tmp_path}/tasks.db")

        return make
