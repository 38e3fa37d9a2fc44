"""What other task queues call an option, and what to write here.

Such a keyword would be kept as an `extra` and do nothing, which its author would not expect.
"""

from __future__ import annotations

from typing import Final

_RETRY: Final = "retry=3, the runs after the first one"
_LIMIT: Final = "max_time=60, in seconds"
_DELAY: Final = ".options(delay=10).add_task(…), in seconds, at each call"
_ETA: Final = ".options(eta=…).add_task(…), a datetime with a time zone, at each call"
_BACKOFF: Final = "backoff=1, the seconds before the second run"
_JITTER: Final = "backoff_jitter=0.1, the part of a wait that is added by chance"
_ON: Final = "retry_on_exc=[…], the exceptions that are tried again"
_ID: Final = ".options(id=…).add_task(…), at each call"
_NO_RESULT: Final = "result_ttl=0, after which the record of a task goes with its end"
_QUEUE: Final = 'queue="slow"'
_ACK: Final = 'ack="late", which is the default'

_SYNONYMS: Final = {
    "retries": _RETRY,
    "max_retries": _RETRY,
    "retry_count": _RETRY,
    "retry_limit": _RETRY,
    "max_attempts": f"{_RETRY}: one less than the attempts",
    "max_tries": f"{_RETRY}: one less than the tries",
    "attempts": f"{_RETRY}: one less than the attempts",
    "timeout": f"{_LIMIT}; or add_task(…, timeout=5), to wait for the end",
    "time_limit": _LIMIT,
    "hard_time_limit": _LIMIT,
    "soft_time_limit": f"{_LIMIT}: a coroutine is cancelled, and may clean up",
    "job_timeout": _LIMIT,
    "task_timeout": _LIMIT,
    "delay": _DELAY,
    "countdown": _DELAY,
    "defer_by": _DELAY,
    "eta": _ETA,
    "defer_until": _ETA,
    "run_at": _ETA,
    "ttl": "expires=60, the seconds until it must have begun, or result_ttl=60, those that its record stays",
    "job_ttl": "expires=60, the seconds until it must have begun",
    "max_age": "expires=60, the seconds until it must have begun",
    "result_expires": "result_ttl=60, the seconds that its record stays",
    "keep_result": "result_ttl=60, the seconds that its record stays",
    "ignore_result": _NO_RESULT,
    "store_result": _NO_RESULT,
    "store_results": _NO_RESULT,
    "jitter": _JITTER,
    "retry_jitter": _JITTER,
    "retry_backoff": f"{_BACKOFF}, with backoff_factor=2",
    "exponential_backoff": f"{_BACKOFF}, with backoff_factor=2",
    "retry_delay": _BACKOFF,
    "default_retry_delay": _BACKOFF,
    "min_backoff": _BACKOFF,
    "retry_backoff_max": "backoff_cap=600, the seconds that no wait exceeds",
    "max_backoff": "backoff_cap=600, the seconds that no wait exceeds",
    "autoretry_for": _ON,
    "retry_for": _ON,
    "retry_on": _ON,
    "retry_when": _ON,
    "id": _ID,
    "task_id": _ID,
    "job_id": _ID,
    "task_name": 'name="report", or @app.task("report")',
    "acks_late": _ACK,
    "ack_late": _ACK,
    "acks_early": 'ack="early"',
    "reject_on_worker_lost": f"{_ACK}: a task that is lost with its worker runs again",
    "queue_name": _QUEUE,
    "routing_key": _QUEUE,
    "max_concurrency": "concurrency=3, over all workers",
    "memory_limit": 'max_memory=2**30, in bytes, with executor="process"',
    "max_instances": "concurrency=3, over all workers",
    "singleton": "unique=True, or concurrency=1",
    "serializer": 'app.config.serializer = "msgpack", for all tasks of an app',
    "execution_timeout": _LIMIT,
    "failure_ttl": "app.config.dead_ttl, for all tasks of an app; or result_ttl=60",
    "bind": "echo=True: the first parameter is the task, with its context at self.ctx",
    "pass_context": "echo=True: the first parameter is the task, with its context at self.ctx",
    "with_context": "echo=True: the first parameter is the task, with its context at self.ctx",
}

ADVICE: Final = {name: f"write {text}" for name, text in _SYNONYMS.items()} | dict.fromkeys(
    ("cron", "crontab", "periodic", "run_every"),
    "QTasks has no timetable: let cron, or a timer, call add_task",
)
"""What an error advises in place of a keyword that is an option elsewhere."""
