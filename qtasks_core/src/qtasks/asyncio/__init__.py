"""The asynchronous face of QTasks."""

from qtasks.app import QueueTasks
from qtasks.context import AsyncContext
from qtasks.result import Task
from qtasks.results import AsyncResult
from qtasks.router import AsyncRouter
from qtasks.shared import shared_task
from qtasks.task import AsyncTask

__all__ = ["AsyncContext", "AsyncResult", "AsyncRouter", "AsyncTask", "QueueTasks", "Task", "shared_task"]
