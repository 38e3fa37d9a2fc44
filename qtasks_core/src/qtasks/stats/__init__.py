"""What an app is and does: its settings and tasks in words or as JSON, and live numbers.

```python
stats = AsyncStats(app)
print((await stats.inspect()).tasks())      # for people
print((await stats.inspect()).app(json=True))
now = await stats.now()                     # counts, queues, workers
```
"""

from qtasks.stats.doors import AsyncStats, SyncStats
from qtasks.stats.inspecting import InspectStats
from qtasks.stats.now import Now

__all__ = ["AsyncStats", "InspectStats", "Now", "SyncStats"]
