"""The invented consumer is one that the FHIR door understands."""

from demo import consumer
from tests import profiles
from tests.shared import needs_shared


@needs_shared
def test_the_trial_consumer_describes_itself_as_the_profile_wants():
    assert profiles.check(consumer.booking_organisation(), ordered=True) == []
