"""The practitioners, places and practices that go with free slots, as JSON.

They are the same in thousands of answers, so each process keeps them rendered: by id and version,
which counts up with whatever is shown of a resource (GEN-032), and by the time of its last change.
A search reads both with its sessions. So nothing kept is ever old, and nothing need be forgotten.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import orjson

from fhirapi.resources import location, organization, practitioner
from practice.db.prepared import Number, Numbers, Prepared
from practice.models import Organisation
from practice.reads import directory

Version = tuple[int, int, Any]  # of a resource: its id, its version, and when that was made


class Kept:
    """Rendered resources of one type. ``read`` finds those of a practice that have certain ids."""

    MOST = 50_000  # less than a kilobyte each

    def __init__(self, read: Callable[[int, Collection[int]], Iterable[dict[str, Any]]]) -> None:
        self.read = read
        self.kept: dict[tuple[int, Version], bytes] = {}

    def json_of(self, organisation_id: int, versions: Iterable[Version]) -> list[bytes]:
        """The JSON of resources of a practice, by id. What is not kept is read: one query."""
        found = {each: self.kept.get((organisation_id, each)) for each in versions}
        missing = {each[0]: each for each, json in found.items() if json is None}
        for resource in self.read(organisation_id, missing.keys()) if missing else ():
            wanted = missing[int(resource["id"])]
            found[wanted] = orjson.dumps(resource)
            if resource["meta"]["versionId"] == str(wanted[1]):  # else it has just changed
                self.keep(organisation_id, wanted, found[wanted])
        return [json for _, json in sorted(found.items()) if json]

    def keep(self, organisation_id: int, version: Version, json: Any) -> None:
        if len(self.kept) >= self.MOST:
            self.kept.clear()
        self.kept[organisation_id, version] = json


HERE: dict[str, Any] = {"organisation": Number("organisation")}
NAMED = {"pk__among": Numbers("ids")}
PRACTITIONER_ROWS = Prepared(
    lambda: practitioner.rows_of(directory.practitioners(**HERE).filter(**NAMED), **HERE)
)
LOCATION_ROWS = Prepared(lambda: location.rows_of(directory.locations(**HERE).filter(**NAMED)))
PRACTICE_ROWS = Prepared(
    lambda: organization.rows_of(Organisation.objects.filter(pk=HERE["organisation"]))
)

PRACTITIONERS = Kept(
    lambda practice, ids: practitioner.render_rows(
        PRACTITIONER_ROWS.rows(organisation=practice, ids=ids)
    )
)
LOCATIONS = Kept(
    lambda practice, ids: map(location.render, LOCATION_ROWS.rows(organisation=practice, ids=ids))
)
PRACTICES = Kept(
    lambda practice, _: map(organization.render, PRACTICE_ROWS.rows(organisation=practice))
)
