"""Tasks of the apps of a Django project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtasks.errors import UsageError
from qtasks.faces import app_of


def autodiscover_tasks(app: Any, modules: Sequence[str] = ("tasks",)) -> list[str]:
    """Import the module `tasks` of each installed Django app, so that its tasks are registered.

    Call it once Django is set up: in `AppConfig.ready`, or after `django.setup()`.

    Args:
        app: The app, either face.
        modules: Which modules are looked for in each Django app.

    Returns:
        The names of the modules that were imported. What a module raises is raised here.

    Raises:
        UsageError: Django is not set up yet.
    """
    from django.apps import apps
    from django.core.exceptions import AppRegistryNotReady

    try:
        packages = [config.name for config in apps.get_app_configs()]
    except AppRegistryNotReady as exc:
        raise UsageError("Django is not set up yet: call autodiscover_tasks after django.setup()") from exc
    found: list[str] = app_of(app).autodiscover_tasks(packages, modules)
    return found
