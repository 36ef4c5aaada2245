"""Other ways to make the Bundle of a search, to be compared with ours.

The baseline is PostgreSQL building the same JSON itself, passed through. It is given what ours has
to find out at each request: its SQL is made once for each search, access profiles and all.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import psycopg
from django.db import connection
from django.http import QueryDict
from fhir.resources.STU3.bundle import Bundle
from psycopg.adapt import Loader
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from fhirapi.filters import SlotFilter
from fhirapi.formats import Format
from fhirapi.resources import schedule, slot
from fhirapi.resources.common import STRUCTURES, UKTimes
from fhirapi.slot_search import included_entries
from practice.models import Organisation, Slot
from practice.reads import offered_slots, slot_search
from practice.reads.slot_search import SlotRow


def parts(query: str, organisation: Organisation, now: datetime) -> tuple[Any, set[str]]:
    """The query set of a search and the includes that it asks for."""
    asked = SlotFilter(QueryDict(query)).checked()
    found = offered_slots.offered(organisation=organisation, requester=asked.requester, now=now)
    found = slot_search.within(found, start=asked.start.instant, end=asked.end.instant)
    return found.order_by("start", "pk"), asked.includes


def included(
    rows: list[SlotRow], wanted: set[str], organisation: Organisation
) -> list[dict[str, Any]]:
    """What goes with slots, as dicts."""
    sessions, times = slot_search.sessions_of(rows, organisation=organisation), UKTimes()
    rendered = [schedule.render(session.row, times) for session in sessions]
    others = included_entries(sessions, wanted, organisation, Format.JSON)
    return rendered + [orjson.loads(each)["resource"] for each in others]


class SlotSerializer(serializers.ModelSerializer):
    """A slot as a DRF serializer makes it."""

    resourceType = serializers.ReadOnlyField(default="Slot")  # noqa: N815 - FHIR's name
    id = serializers.CharField()
    meta = serializers.SerializerMethodField()
    extension = serializers.SerializerMethodField()
    serviceType = serializers.SerializerMethodField()  # noqa: N815
    schedule = serializers.SerializerMethodField()

    class Meta:
        model = Slot
        fields = (
            "resourceType",
            "id",
            "meta",
            "extension",
            "serviceType",
            "schedule",
            "status",
            "start",
            "end",
        )

    def get_meta(self, found: Slot) -> dict:
        return {"versionId": str(found.version), "profile": [slot.PROFILE]}

    def get_extension(self, found: Slot) -> list:
        return [slot.delivery_channel(found.delivery_channel)]

    def get_serviceType(self, found: Slot) -> list:  # noqa: N802
        return [{"text": found.slot_type}]

    def get_schedule(self, found: Slot) -> dict:
        return {"reference": f"Schedule/{found.schedule_id}"}


def by_serializer(query: str, organisation: Organisation, now: datetime) -> bytes:
    found, wanted = parts(query, organisation, now)
    entries = [{"resource": each} for each in SlotSerializer(found, many=True).data]
    ids = [int(row["resource"]["schedule"]["reference"].split("/")[1]) for row in entries]
    rows: list[SlotRow] = [(0, 0, "", "", schedule_id, "", 0, 0) for schedule_id in ids]
    entries += [{"resource": each} for each in included(rows, wanted, organisation)]
    return JSONRenderer().render({"resourceType": "Bundle", "type": "searchset", "entry": entries})


def by_fhir_resources(query: str, organisation: Organisation, now: datetime) -> bytes:
    found, wanted = parts(query, organisation, now)
    rows = list(found.annotate(**slot_search.EPOCHS).values_list(*slot_search.SLOT_COLUMNS))
    times = UKTimes()
    resources = [slot.render(row, times) for row in rows]
    resources += included(rows, wanted, organisation)
    bundle = Bundle.model_validate(
        {"type": "searchset", "entry": [{"resource": each} for each in resources]}
    )
    return bundle.model_dump_json().encode()


class RawJSON(Loader):
    """Hands the database's JSON on as it came."""

    def load(self, data: Any) -> bytes:
        return bytes(data)


def passing_through() -> psycopg.Connection:
    """A connection to Django's database that writes times as we do and hands JSON on untouched."""
    connection.ensure_connection()
    made = psycopg.connect(connection.connection.info.dsn, autocommit=True)
    made.execute("SET TIME ZONE 'Europe/London'")
    made.adapters.register_loader("json", RawJSON)
    return made


@dataclass(frozen=True)
class Statement:
    """What asks PostgreSQL for the same Bundle, by json_build_object, and its values."""

    sql: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, query: str, organisation: Organisation, now: datetime) -> "Statement":
        found, _ = parts(query, organisation, now)
        inner, parameters = found.values(
            "id",
            "version",
            "delivery_channel",
            "slot_type",
            "schedule_id",
            "status",
            "start",
            "end",
        ).query.sql_with_params()
        sql = WHOLE_BUNDLE.replace("<SLOTS>", inner)
        return cls(sql, (*parameters, *[organisation.pk] * 3))

    def bundle(self, using: psycopg.Connection) -> bytes:
        """Its answer on a connection of ``passing_through``, which keeps it prepared."""
        row = using.execute(self.sql, self.values, prepare=True).fetchone()
        assert row
        body: bytes = row[0]
        return body


META = (
    "json_build_object('versionId', {t}.version::text, 'profile', json_build_array("
    f"'{STRUCTURES}/" + "{profile}'))"
)
ADDRESS = (
    "json_strip_nulls(json_build_object('use', 'work', 'line', json_build_array("
    "{t}.address_line_1), 'city', {t}.city, 'postalCode', {t}.postal_code))"
)
TELECOM = (
    "json_build_array(json_build_object('system', 'phone', 'value', {t}.telephone, 'use', 'work'))"
)
WHOLE_BUNDLE = f"""
WITH slot AS MATERIALIZED (<SLOTS>),
session AS MATERIALIZED (
    SELECT * FROM practice_schedule WHERE id IN (SELECT schedule_id FROM slot)
        AND organisation_id = %s)
SELECT json_build_object('resourceType', 'Bundle', 'type', 'searchset', 'entry', (
    SELECT json_agg(json_build_object('resource', resource)) FROM (
        (SELECT json_build_object('resourceType', 'Slot', 'id', slot.id::text,
            'meta', {META.format(t="slot", profile="GPConnect-Slot-1")},
            'extension', json_build_array(json_build_object(
                'url', '{slot.DELIVERY_CHANNEL}', 'valueCode', slot.delivery_channel)),
            'serviceType', json_build_array(json_build_object('text', slot.slot_type)),
            'schedule', json_build_object('reference', 'Schedule/' || slot.schedule_id),
            'status', slot.status, 'start', slot.start, 'end', slot."end") AS resource FROM slot)
        UNION ALL
        (SELECT json_build_object('resourceType', 'Schedule', 'id', session.id::text,
            'meta', {META.format(t="session", profile="GPConnect-Schedule-1")},
            'extension', json_build_array(json_build_object(
                'url', '{STRUCTURES}/Extension-GPConnect-PractitionerRole-1',
                'valueCodeableConcept', json_build_object('coding', json_build_array(
                    json_build_object('system',
                        'https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-SDSJobRoleName-1',
                        'code', session.practitioner_role,
                        'display', 'General Medical Practitioner'))))),
            'serviceCategory', json_build_object('text', session.session_name),
            'actor', json_build_array(
                json_build_object('reference', 'Location/' || session.location_id),
                json_build_object('reference', 'Practitioner/' || session.session_holder_id)),
            'planningHorizon', json_build_object('start', session.start, 'end', session."end"))
        FROM session)
        UNION ALL
        (SELECT json_build_object('resourceType', 'Practitioner', 'id', p.id::text,
            'meta', {META.format(t="p", profile="CareConnect-GPC-Practitioner-1")},
            'identifier', json_build_array(json_build_object(
                'system', 'https://fhir.nhs.uk/Id/sds-user-id', 'value', p.sds_user_id)),
            'active', true,
            'name', json_build_array(json_build_object('family', p.family_name,
                'given', json_build_array(p.given_names), 'prefix', json_build_array(p.prefix))),
            'gender', p.gender)
        FROM practice_practitioner p
        WHERE p.id IN (SELECT session_holder_id FROM session) AND EXISTS (
            SELECT 1 FROM practice_practitionerrole r
            WHERE r.practitioner_id = p.id AND r.organisation_id = %s))
        UNION ALL
        (SELECT json_build_object('resourceType', 'Location', 'id', l.id::text,
            'meta', {META.format(t="l", profile="CareConnect-GPC-Location-1")},
            'status', l.status, 'name', l.name, 'telecom', {TELECOM.format(t="l")},
            'address', {ADDRESS.format(t="l")},
            'managingOrganization', json_build_object(
                'reference', 'Organization/' || l.organisation_id))
        FROM practice_location l WHERE l.id IN (SELECT location_id FROM session))
        UNION ALL
        (SELECT json_build_object('resourceType', 'Organization', 'id', o.id::text,
            'meta', {META.format(t="o", profile="CareConnect-GPC-Organization-1")},
            'identifier', json_build_array(json_build_object(
                'system', 'https://fhir.nhs.uk/Id/ods-organization-code', 'value', o.ods_code)),
            'name', o.name, 'telecom', {TELECOM.format(t="o")},
            'address', json_build_array({ADDRESS.format(t="o")}))
        FROM practice_organisation o WHERE o.id = %s)
    ) AS resources))
"""
