"""Whatever is sent, the answer is an answer: no fault, no trace, nothing changed by a refusal.

A thousand spoilt requests of a fixed seed in every run, through the URL, with every interaction in
JSON and XML; ``make fuzz`` tries 20,000 and more of new seeds (FUZZ_INPUTS, FUZZ_SEED). A failure
names the seed and the number of the input, and what was done to it.
"""

import gzip
import os
import random
import re
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from fhirapi import ssp
from fhirapi.resources.common import NHS_NUMBER, ODS_CODE, SDS_USER_ID
from practice.models import (
    Appointment,
    AppointmentSlot,
    AuditEvent,
    Location,
    Organisation,
    Patient,
    Practitioner,
    PractitionerRole,
    Schedule,
    Slot,
)
from tests import fuzzing
from tests.fuzzing import Case
from workbench.bodies import appointment_body, cancelled, registration_body
from workbench.consumer import ASID, TYPES, as_dict, issues, make_claims, make_token
from workbench.factories import (
    make_appointment,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_slot,
    make_slots,
    tomorrow,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.req("ERR-001", "ERR-012", "ERR-013", "ERR-014", "SEC-021"),
]

INPUTS = int(os.environ.get("FUZZ_INPUTS", "1000"))
SEED = int(os.environ.get("FUZZ_SEED", "20261125"))
COMMANDS = {each.name for each in ssp.INTERACTIONS if each.is_command}
# A body has more to be spoilt than a query.
SHARES = [4 if each.is_command else 1 for each in ssp.INTERACTIONS]
KINDS: tuple[Any, ...] = (
    *(Appointment, AppointmentSlot, Slot, Schedule, Patient, Location, Practitioner),
    *(PractitionerRole, Organisation),
)

TRACES = (b"Traceback", b"django.", b"psycopg", b"sqlite3", b".py", b"line ", b"Exception")


class World:
    """A practice with something to find, its neighbour, and a good request of each interaction."""

    def __init__(self, practice: Any, national_record: Any) -> None:
        self.practice = practice
        organisation = practice.organisation
        self.slots = make_slots(4)
        booked = make_appointment([self.slots[3]], practice.patient)
        self.appointment = booked
        self.newcomer = national_record.add()
        neighbour = make_organisation()
        theirs = make_slot(organisation=neighbour)
        self.others = {
            "Patient": make_patient(neighbour).pk,
            "Practitioner": make_practitioner(neighbour).pk,
            "Location": make_location(neighbour).pk,
            "Slot": theirs.pk,
            "Schedule": theirs.schedule_id,
            "Appointment": make_appointment([theirs]).pk,
            "Organization": neighbour.pk,
        }
        self.base = f"/{organisation.ods_code}/STU3/1/gpconnect"
        self.client = Client(raise_request_exception=False)

    def good(self, interaction: ssp.Interaction, as_format: str) -> Case:
        """A request that is accepted."""
        practice, path = self.practice, interaction.path
        ids = {
            "/Patient/[id]": practice.patient.pk,
            "/Practitioner/[id]": practice.practitioner.pk,
            "/Organization/[id]": practice.organisation.pk,
            "/Location/[id]": practice.location.pk,
            "/Appointment/[id]": self.appointment.pk,
            "/Patient/[id]/Appointment": practice.patient.pk,
        }
        first, last = tomorrow(), tomorrow() + timedelta(days=6)
        span = [("start", f"ge{first}"), ("end", f"le{last}")]
        identifiers = {
            "/Patient": f"{NHS_NUMBER}|{practice.patient.nhs_number}",
            "/Practitioner": f"{SDS_USER_ID}|{practice.practitioner.sds_user_id}",
            "/Organization": f"{ODS_CODE}|{practice.organisation.ods_code}",
        }
        parameters = [("identifier", identifiers[path])] if path in identifiers else []
        if interaction == ssp.SEARCH_SLOTS:
            parameters = [("status", "free"), *span]
            parameters += [("_include", "Slot:schedule")]
            parameters += [("_include:recurse", "Schedule:actor:Practitioner")]
            code = "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-OrganisationType-1|urgent-care"
            parameters += [("searchFilter", code), ("searchFilter", f"{ODS_CODE}|A1001")]
        elif interaction == ssp.RETRIEVE_APPOINTMENTS:
            parameters = [("start", f"ge{first}"), ("start", f"le{last}")]
        case = Case(
            interaction=interaction,
            path=path.replace("[id]", str(ids.get(path, ""))),
            base=self.base,
            verb=interaction.verb,
            headers={
                ssp.TRACE_ID: "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
                ssp.SENT_FROM: ASID,
                ssp.SENT_TO: practice.organisation.asid,
                ssp.INTERACTION_ID: interaction.id,
                "Accept": f"{TYPES[as_format]};charset=utf-8",
            },
            claims=make_claims(scope=interaction.scope),
            parameters=parameters,
            format=as_format,
            content_type=TYPES[as_format],
        )
        if interaction == ssp.BOOK_APPOINTMENT:
            case.tree = appointment_body(slots=self.slots[:2], patient=practice.patient)
        elif interaction == ssp.REGISTER_PATIENT:
            case.tree = registration_body(self.newcomer)
        elif interaction in (ssp.AMEND_APPOINTMENT, ssp.CANCEL_APPOINTMENT):
            case.tree = self.received()
            case.headers["If-Match"] = f'W/"{self.appointment.version}"'
            if interaction == ssp.CANCEL_APPOINTMENT:
                case.tree = cancelled(case.tree)
            else:
                case.tree["description"] = "Something else"
        return case

    def received(self) -> dict[str, Any]:
        read = self.good(ssp.READ_APPOINTMENT, "json").finished()
        return as_dict(self.send(read))

    def send(self, case: Case) -> Any:
        authorization = f"Bearer {case.token}".encode("utf-8", "replace").decode("latin-1")
        headers = {"Authorization": authorization, **case.headers}
        address = case.base + case.path + (f"?{case.query}" if case.query else "")
        return self.client.generic(
            case.verb,
            address,
            data=case.body or b"",
            content_type=case.content_type,
            headers=headers,
        )

    def stored(self) -> dict[str, list[dict[str, Any]]]:
        return {kind.__name__: list(kind.objects.order_by("pk").values()) for kind in KINDS}


class Writes:
    """Notices statements that may change something else than the trail."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        words = sql.split(None, 3)
        if words and words[0] in {"INSERT", "UPDATE", "DELETE"} and "practice_audit" not in sql:
            self.seen += 1
        return execute(sql, parameters, many, context)


TRIED: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def summary(request):
    """What the long run prints when all is done: inputs tried, and answers by code."""
    yield
    if "FUZZ_INPUTS" in os.environ:
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n\n{TRIED.total()} inputs tried with seed {SEED}; answers by code:")
            for code, number in TRIED.most_common():
                print(f"  {number:6}  {code}")


@pytest.fixture
def world(practice, national_record) -> World:
    return World(practice, national_record)


def check_answer(case: Case, response: Any) -> str:
    """The answer's code; fails unless it is a clean answer."""
    status, content = response.status_code, response.content
    if response.get("Content-Encoding") == "gzip":
        response.content = content = gzip.decompress(content)
        del response["Content-Encoding"]
    assert response["Cache-Control"] == "no-store"
    if status < 400:
        return str(status)
    assert status < 500 or status == 501, "a fault of ours"
    told = issues(response)
    assert told, "an outcome says what"
    code: str = told[0]["details"]["coding"][0]["code"]
    assert status != 501 or code == "NOT_IMPLEMENTED"
    assert not any(trace in content for trace in TRACES), "a trace of the inside"
    if case.format_is_clear and status != 415:
        assert response["Content-Type"] == f"{TYPES[case.format]};charset=utf-8"
    return f"{status} {code}"


def is_outside(case: Case) -> bool:
    """Whether the address is below no service root."""
    return not re.match(r"/[^/]+/STU3/1/gpconnect(/|\Z)", unquote(case.base + case.path))


def try_one(world: World, case: Case, before: Any, answers: Counter[str], label: str) -> None:
    """Send a spoilt request and undo whatever it did; ``label`` says which it was."""
    writes = Writes()
    try:
        with transaction.atomic():
            audited = AuditEvent.objects.count()
            with connection.execute_wrapper(writes):
                response = world.send(case)
            code = check_answer(case, response)
            answers[code] += 1
            TRIED[code] += 1
            refused = response.status_code >= 400
            is_query = case.verb not in {"POST", "PUT"}
            if writes.seen and (refused or is_query):
                assert world.stored() == before, "a refusal changed something"
            # A Host that is not ours is refused in front of all views, and belongs to no practice.
            if "Host" not in case.headers and not is_outside(case):
                assert AuditEvent.objects.count() == audited + 1, "no record, or too many"
            transaction.set_rollback(True)
    except Exception as failure:
        failure.add_note(f"{label}: {case.done}")
        failure.add_note(f"{case.verb} {case.base}{case.path}?{(case.query or '')[:300]}")
        failure.add_note(f"headers {case.headers}"[:2000])
        failure.add_note(f"body {(case.body or b'')[:2000]!r}")
        raise


@pytest.mark.parametrize("as_format", ["json", "xml"])
def test_unspoilt_requests_are_accepted(world, as_format):
    """Else the others would only show how the first check refuses."""
    for interaction in ssp.INTERACTIONS:
        response = world.send(world.good(interaction, as_format).finished())
        assert response.status_code == interaction.success_status, (interaction, response.content)
        if interaction == ssp.AMEND_APPOINTMENT:
            world.appointment.refresh_from_db()


@pytest.mark.parametrize("interaction", ssp.INTERACTIONS, ids=lambda each: each.name)
def test_spoilt_requests_are_answered_and_change_nothing(
    world, interaction, capsys, record_property
):
    answers: Counter[str] = Counter()
    inputs = max(1, INPUTS * SHARES[ssp.INTERACTIONS.index(interaction)] // sum(SHARES))
    good = {as_format: world.good(interaction, as_format) for as_format in TYPES}
    before = world.stored()

    for number in range(inputs):
        chance = random.Random(f"{SEED}/{interaction.id}/{number}")
        case = fuzzing.spoil(good[chance.choice(("json", "xml"))], chance, world.others)
        try_one(world, case, before, answers, f"seed {SEED}, input {number}")

    assert answers.total() == inputs
    if "FUZZ_INPUTS" in os.environ:
        told = ", ".join(f"{code}: {number}" for code, number in sorted(answers.items()))
        record_property("said", f"{interaction.name}: {inputs} inputs, seed {SEED}; {told}")
        with capsys.disabled():
            print(f"\n  {interaction.name}: {inputs} inputs; {told}", end=" ")


# ---------------------------------------------------------------- bodies that nobody thought of

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["Appointment", "Slot/1", "#1", "booked", "2026-05-25T13:48:41+01:00"]),
)
WORDS = st.sampled_from(
    ["resourceType", "id", "status", "slot", "participant", "actor", "reference", "contained"]
    + ["extension", "url", "valueReference", "start", "end", "description", "parameter", "name"]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)


@seed(SEED)
@settings(
    max_examples=max(20, INPUTS // 20),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    element=st.sampled_from(
        ["slot", "participant", "extension", "contained", "status", "start", "description"]
        + ["comment", "identifier", "created", "priority", "meta", "text", "parameter", "id"]
    ),
    value=TREES,
    interaction=st.sampled_from([each for each in ssp.INTERACTIONS if each.is_command]),
)
def test_any_value_anywhere_in_a_body_is_answered(world, element, value, interaction):
    case = world.good(interaction, "json")
    before = world.stored()
    case.tree[element] = value
    case.done = [f"{element} = {value!r}"]
    try_one(world, case.finished(), before, Counter(), "hypothesis")


@seed(SEED + 1)
@settings(
    max_examples=max(20, INPUTS // 20),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(claims=TREES, name=st.sampled_from(sorted(make_claims(scope=ssp.PATIENT_READ))))
def test_any_value_of_any_claim_is_answered(world, claims, name):
    case = world.good(ssp.READ_PATIENT, "json")
    before = world.stored()
    case.token = make_token({**case.claims, name: claims})
    case.done = [f"claim {name} = {claims!r}"]
    try_one(world, case.finished(), before, Counter(), "hypothesis")
