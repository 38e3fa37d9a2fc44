"""The promises of a backend as a test suite: subclass it to prove one.

```python
class TestMyBroker(BrokerConformance):
    @pytest.fixture
    def make(self, tmp_path):
        async def make():
            return MyBroker(f"my://{tmp_path}/tasks")

        return make
```

One test is one promise, and its docstring says it. A promise can be marked
`@pytest.mark.xfail(reason=…)`, and never be replaced. `contracts()` is the page of them all.
"""

from qtasks.testing.conformance._page import contracts
from qtasks.testing.conformance._suite import Make
from qtasks.testing.conformance._world import World
from qtasks.testing.conformance.broker import BrokerConformance
from qtasks.testing.conformance.config import ConfigConformance
from qtasks.testing.conformance.storage import StorageConformance

__all__ = [
    "BrokerConformance",
    "ConfigConformance",
    "Make",
    "StorageConformance",
    "World",
    "contracts",
]
