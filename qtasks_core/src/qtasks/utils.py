"""Small helpers under the names that users know."""

from qtasks.shared import get_app

__all__ = ["get_app"]
