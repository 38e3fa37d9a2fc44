"""All promises of a broker with its storage."""

from __future__ import annotations

from qtasks.testing.conformance.accepting import Accepting
from qtasks.testing.conformance.burying import Burying
from qtasks.testing.conformance.cancelling import Cancelling
from qtasks.testing.conformance.choosing import Choosing
from qtasks.testing.conformance.delaying import Delaying
from qtasks.testing.conformance.deleting import Deleting
from qtasks.testing.conformance.delivering import Delivering
from qtasks.testing.conformance.fencing import Fencing
from qtasks.testing.conformance.finding import Finding
from qtasks.testing.conformance.giving_back import GivingBack
from qtasks.testing.conformance.inspecting import Inspecting
from qtasks.testing.conformance.isolating import Isolating
from qtasks.testing.conformance.leasing import Leasing
from qtasks.testing.conformance.listening import Listening
from qtasks.testing.conformance.living import Living
from qtasks.testing.conformance.ordering import Ordering
from qtasks.testing.conformance.poison import Poison
from qtasks.testing.conformance.purging import Purging
from qtasks.testing.conformance.recording import Recording
from qtasks.testing.conformance.reporting import Reporting
from qtasks.testing.conformance.requeueing import Requeueing
from qtasks.testing.conformance.retrying import Retrying
from qtasks.testing.conformance.signalling import Signalling
from qtasks.testing.conformance.unique import Unique
from qtasks.testing.conformance.waiting import Waiting


class BrokerConformance(
    Accepting,
    Delivering,
    Leasing,
    Fencing,
    Poison,
    Ordering,
    Delaying,
    Retrying,
    GivingBack,
    Waiting,
    Recording,
    Requeueing,
    Cancelling,
    Signalling,
    Purging,
    Choosing,
    Inspecting,
    Finding,
    Deleting,
    Burying,
    Unique,
    Reporting,
    Listening,
    Isolating,
    Living,
):
    """Subclass it, and let the fixture `make` give brokers of one place, fresh and not started."""
