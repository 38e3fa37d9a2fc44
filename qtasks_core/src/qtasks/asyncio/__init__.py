"""The asynchronous face of QTasks."""

from qtasks.app import QueueTasks
from qtasks.result import Task
from qtasks.router import AsyncRouter
from qtasks.task import AsyncTask

__all__ = ["AsyncRouter", "AsyncTask", "QueueTasks", "Task"]
