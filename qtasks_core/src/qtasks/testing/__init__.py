"""Help for tests: a clock that is moved by hand, a setup for components, the conformance kit.

It needs pytest: `pip install "qtasks[testing]"`. Nothing else of QTasks imports it.
"""

import pytest

pytest.register_assert_rewrite("qtasks.testing.conformance")  # before its import: else asserts say nothing

from qtasks.testing.clock import FakeClock  # noqa: E402  # the registration above has to come first
from qtasks.testing.setup import TestSetup  # noqa: E402

__all__ = ["FakeClock", "TestSetup"]
