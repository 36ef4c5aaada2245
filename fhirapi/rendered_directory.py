"""The people, places, services and practices that go with free slots, as entries of a Bundle.

They are the same in thousands of answers, so each process keeps them as they are written in a
format, under what their content depends on: the practice asked, and the resource's id, its version
(which counts up with whatever is shown of it, GEN-032) and the time of its last change. A search
reads these with its sessions. So nothing that is kept is ever old, and nothing need be removed when
something changes.
"""

from collections.abc import Callable, Collection, Iterable

from fhirapi.formats import Format
from fhirapi.resources import healthcare_service, location, organization, practitioner
from fhirapi.resources.common import Element
from practice.models import Organisation
from practice.reads import directory, service_filtering
from practice.reads.slot_search import Version


class RenderedResources:
    """Resources of one type, written. ``read`` renders those of a practice that have some ids."""

    MOST_KEPT = 50_000  # about a kilobyte each

    def __init__(self, read: Callable[[Organisation, Collection[int]], Iterable[Element]]) -> None:
        self.read = read
        self.kept: dict[tuple[int, Format, Version], bytes] = {}

    def entries_of(
        self, practice: Organisation, versions: Iterable[Version], as_format: Format
    ) -> list[bytes]:
        """The entries of resources of a practice, by id. What is not kept is read: one query."""
        found = {each: self.kept.get((practice.pk, as_format, each)) for each in versions}
        missing = {each.pk: each for each, entry in found.items() if entry is None}
        for resource in self.read(practice, missing.keys()) if missing else ():
            wanted = missing[int(resource["id"])]
            entry = found[wanted] = as_format.entry(resource).encode()
            if resource["meta"]["versionId"] == str(wanted.version):  # else it has just changed
                self.keep((practice.pk, as_format, wanted), entry)
        return [entry for _, entry in sorted(found.items()) if entry]

    def keep(self, key: tuple[int, Format, Version], entry: bytes) -> None:
        """Keep the entry of a version; all is thrown away when there is too much."""
        if len(self.kept) >= self.MOST_KEPT:
            self.kept.clear()
        self.kept[key] = entry


PRACTITIONERS = RenderedResources(
    lambda practice, ids: map(
        practitioner.render, directory.practitioner_rows(organisation=practice, ids=ids)
    )
)
LOCATIONS = RenderedResources(
    lambda practice, ids: map(
        location.render, directory.location_rows(organisation=practice, ids=ids)
    )
)
SERVICES = RenderedResources(
    lambda practice, ids: map(
        healthcare_service.render,
        service_filtering.service_rows_by_id(organisation=practice, ids=ids),
    )
)
PRACTICES = RenderedResources(
    lambda practice, _: [organization.render(directory.practice_row(organisation=practice))]
)
