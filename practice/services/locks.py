"""The lock for all who change what is planned; practice.services.booking has the whole order."""

from practice.models import Organisation


def lock_practice(organisation: Organisation) -> Organisation:
    """Lock a practice's row until the transaction ends, and return it as it is now.

    Whoever makes, moves or withdraws sessions, or adds slots, takes this lock first. Bookings do
    not need it and are not held up by it: they lock the slots they take.
    """
    return Organisation.objects.select_for_update(of=("self",), no_key=True).get(pk=organisation.pk)
