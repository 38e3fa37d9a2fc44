"""The next step of a chain, sent before the success of this one is recorded.

A worker that is lost between the two runs this step again, and the next one is known by then: its id was
chosen when the chain was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtasks.errors import BackendError, BackendRefused
from qtasks.producer import message_of
from qtasks.steps import next_call
from qtasks.worker.backoff import Backoff

if TYPE_CHECKING:
    from qtasks.runtime import Runtime


async def send_next(runtime: Runtime, headers: Mapping[str, Any], value: Any) -> None:
    """Send the step that follows, if there is one. The backend's failures are waited out.

    Raises:
        TaskArgumentError: The value does not fit the next step, which is known here.
        EncodeError: It cannot be sent.
        BackendRefused: The backend does not take it.
    """
    call = next_call(headers, value, runtime.registry)
    if call is None:
        return
    message, backoff = message_of(call, runtime), Backoff()
    while True:
        try:
            await runtime.dispatch.publish([message])
        except BackendRefused:
            raise
        except BackendError as exc:
            runtime.log.warning("the next step of a chain waits to be sent: %s", exc)
            await backoff.sleep()
        else:
            return
