"""What an app is made of: the broker and the worker, made by hand or from a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtasks import discovery
from qtasks.errors import ConfigError
from qtasks.guards import broker_of, check_names, is_importing

if TYPE_CHECKING:
    from qtasks.protocols import Broker
    from qtasks.worker.engine import AsyncWorker


class Parts:
    """Makes the parts of an app that its user has not made, each at first use.

    Args:
        app_name: Name of the app.
        url: Where the tasks are kept; None leaves the choice to `QTASKS_URL` and the default.
        broker: A broker made by hand.
        worker: A worker made by hand.

    Raises:
        ConfigError: They do not belong together.
        BackendNotFound: No installed package provides the scheme of the URL.
    """

    def __init__(
        self, app_name: str, url: str | None, broker: Broker | None, worker: AsyncWorker | None
    ) -> None:
        self._app_name = app_name
        self._given_worker = self._worker = worker
        self._given_broker = self._broker = broker_of(broker, worker)
        if self._given_broker is not None and url is not None:
            raise ConfigError("give either broker_url or a broker (or a worker with one), not both")
        self._url = url
        if not is_importing():  # `--url` may still replace a URL that nobody here can serve
            self.check()

    @property
    def url(self) -> str | None:
        """The URL that the broker is made from; None where it was made by hand."""
        if self._given_broker is not None:
            return None
        if self._url is None:
            self._url = discovery.default_url()
        return self._url

    @property
    def place(self) -> str:
        """Where the tasks are kept, for people: never with a password."""
        return discovery.shown(self.url) if self.url is not None else type(self.broker).__name__

    @property
    def broker(self) -> Broker:
        """The broker, made from the URL at first use."""
        if self._broker is None:
            url = self.url
            assert url is not None
            self._broker = discovery.backend_for(url).broker(url=url)
        return self._broker

    @property
    def worker(self) -> AsyncWorker:
        """The worker, made at first use; it takes from the broker."""
        if self._worker is None:
            from qtasks.worker.engine import AsyncWorker  # a producer never needs it

            self._worker = AsyncWorker()
        if self._worker.given_broker is None:
            self._worker.given_broker = self.broker
        return self._worker

    def use_url(self, url: str) -> None:
        """Take this URL instead of the app's own.

        Raises:
            ConfigError: The broker was made by hand.
            BackendNotFound: No installed package provides the scheme.
        """
        if self._given_broker is not None:
            raise ConfigError(
                "--url cannot replace a broker that the app was given; take broker_url= in the app"
            )
        self._url, self._broker, self._worker = url, None, self._given_worker
        if self._worker is not None:
            self._worker.given_broker = None
        self.check()

    def check(self) -> None:
        """Raise ConfigError where a part was made for another app."""
        broker = self.broker
        check_names(self._app_name, broker, broker.storage, broker.storage.global_config, self._worker)
