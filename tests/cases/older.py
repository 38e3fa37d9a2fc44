"""An older version of the shop, whose workers do not know most of its tasks."""

from __future__ import annotations

from processes.shop import sell

from qtasks.asyncio import QueueTasks
from qtasks.worker import verdict

verdict.UNKNOWN_FIRST, verdict.UNKNOWN_CAP = 0.02, 0.1  # seconds: the trials are to be short

app = QueueTasks("shop", broker_url="memory://", plugins=False)
app.task(sell)
