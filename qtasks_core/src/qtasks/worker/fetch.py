"""Keep the right number of deliveries in hand."""

from __future__ import annotations

from collections.abc import Sequence

from qtasks.errors import BackendError, BackendMismatch, UsageError
from qtasks.models import Delivery, GiveBack, GiveBackReason, WorkerInfo
from qtasks.protocols import Consumer
from qtasks.runtime import Runtime
from qtasks.worker.backoff import Backoff
from qtasks.worker.choosing import Chooser
from qtasks.worker.held import Held
from qtasks.worker.runner import Runner
from qtasks.worker.settle import Settler
from qtasks.worker.slots import Slots
from qtasks.worker.suspects import Suspects


class Fetcher:
    """Fetches as much as there are free slots, and starts it."""

    def __init__(
        self,
        runtime: Runtime,
        consumer: Consumer,
        chooser: Chooser,
        worker: WorkerInfo,
        slots: Slots,
        held: Held,
        runner: Runner,
        settler: Settler,
    ) -> None:
        self._runtime = runtime
        self._consumer = consumer
        self._chooser = chooser
        self._worker = worker
        self._slots = slots
        self._held = held
        self._runner = runner
        self._settler = settler
        self._suspects = Suspects(runtime.config, held)
        self._closing = False

    async def run(self) -> None:
        """Fetch until closed. The backend's failures are waited out."""
        backoff = Backoff()
        while not self._closing:
            free = self._slots.free
            if free <= 0:
                await self._slots.change()
                continue
            try:
                self._chooser.next()
                batch = await self._consumer.fetch(free)
                if not batch and not self._closing:
                    raise UsageError("the broker was stopped under its worker; stop the app instead")
                await self._take(batch)
            except BackendMismatch:
                raise  # a file that was replaced does not come back: the next process finds the new one
            except BackendError as exc:
                self._runtime.log.warning("cannot fetch: %s", exc)
                await backoff.sleep()
            else:
                backoff.reset()

    def stop(self) -> None:
        """Start nothing any more. The consumer stays open: it hears what is to be cancelled of what runs."""
        self._closing = True
        self._chooser.close()
        self._slots.wake()

    async def close(self) -> None:
        """End `run`, and with it all that the consumer hears."""
        self.stop()
        await self._consumer.close()

    async def _take(self, batch: Sequence[Delivery]) -> None:
        self._held.add(batch)
        if not self._runtime.dispatch.joined:
            batch = await self._begun(batch)
        batch = await self._without_surplus(batch)
        if self._closing:
            self._return(batch)
            return
        self._slots.take(len(batch))
        self._runner.start(batch)

    async def _begun(self, batch: Sequence[Delivery]) -> Sequence[Delivery]:
        """Make the tokens known at the storage; if it cannot be reached, give everything back."""
        try:
            to_run = await self._runtime.dispatch.begin(batch, self._worker.id)
        except BackendError:
            self._return(batch)
            raise
        running = {delivery.id for delivery in to_run}
        self._held.drop([delivery for delivery in batch if delivery.id not in running])
        return to_run

    async def _without_surplus(self, batch: Sequence[Delivery]) -> Sequence[Delivery]:
        """Give back all suspects but one, before that one can end this process."""
        surplus = self._suspects.surplus(batch, self._runtime.clock.now())
        if not surplus:
            return batch
        try:
            await self._runtime.dispatch.give_back(surplus)
        except BackendError:
            self._return(batch)
            raise
        self._held.drop(surplus)
        gone = {returned.id for returned in surplus}
        return [delivery for delivery in batch if delivery.id not in gone]

    def _return(self, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            self._settler.give_back(GiveBack(delivery.id, delivery.token, GiveBackReason.STOPPED))
