"""The trail is numbered without gaps, chained, and nothing can be done to it unseen."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from practice.db import row_security
from practice.db.row_security import across_practices
from practice.models import AuditEvent, AuditHead, AuditSeal, AuditWaiting
from practice.services.audit import sealing, verifying
from tests import row_security_world
from tests.practice.services.audit.trails import check, record, seal, sealed_trail
from workbench import roles
from workbench.factories import make_organisation

# ---------------------------------------------------------------- sealing


@pytest.mark.req("AUD-008")
@pytest.mark.django_db
def test_each_practice_has_its_own_numbers_without_gaps():
    one, other = make_organisation(), make_organisation()
    for _ in range(3):
        record(one)
        record(other)
        record(None)

    sealed = seal()

    assert sealed == {one.pk: 3, other.pk: 3, None: 3}
    for organisation in (one, other, None):
        seals = AuditSeal.objects.filter(organisation=organisation).order_by("sequence")
        assert list(seals.values_list("sequence", flat=True)) == [1, 2, 3]
    assert not AuditWaiting.objects.exists()
    assert [trail.faults for trail in verifying.verify()] == [[], [], []]


@pytest.mark.django_db
def test_sealing_again_changes_nothing_and_goes_on_where_it_stopped():
    organisation = sealed_trail(2)
    before = list(AuditSeal.objects.values())

    again = seal()
    record(organisation, 2)
    seal()

    assert again == {}
    assert list(AuditSeal.objects.filter(sequence__lte=2).values()) == before
    assert check(organisation).sealed == 4
    assert check(organisation).faults == []


@pytest.mark.django_db
def test_sealing_goes_on_after_a_stop_between_two_batches(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 2)
    organisation = make_organisation()
    record(organisation, 5)

    sealing.seal_batch(organisation.pk, now=timezone.now())
    halfway = check(organisation)
    seal()

    assert (halfway.sealed, halfway.waiting.waiting, halfway.faults) == (2, 3, [])
    assert check(organisation).sealed == 5
    assert check(organisation).faults == []


@pytest.mark.django_db
def test_a_batch_costs_the_same_queries_however_many_events():
    organisation = sealed_trail(1)  # the head is there
    statements = []

    for number in (1, 60):
        record(organisation, number)
        with connection.execute_wrapper(count := Count()):
            sealing.seal_batch(organisation.pk, now=timezone.now())
        statements.append(count.statements)

    assert statements[0] == statements[1] <= 9


class Count:
    statements = 0

    def __call__(self, execute, sql, params, many, context):
        self.statements += 1
        return execute(sql, params, many, context)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_sealers_at_the_same_time_leave_one_unbroken_trail():
    organisation = make_organisation()
    record(organisation, 40)

    def seal_and_record(_):
        try:
            for _ in range(5):
                record(organisation)
                seal()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(seal_and_record, range(4)))
    seal()

    assert check(organisation).sealed == 60
    assert check(organisation).faults == []
    assert not AuditWaiting.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_whose_transaction_is_rolled_back_leaves_no_gap():
    organisation = make_organisation()
    record(organisation)
    with transaction.atomic():
        record(organisation)
        transaction.set_rollback(True)
    record(organisation)

    seal()

    assert check(organisation).sealed == 2
    assert check(organisation).faults == []


def test_a_hash_covers_every_column_of_an_event():
    """A new column needs a new format, so that what is sealed stays provable."""
    assert set(sealing.FORMATS[sealing.FORMAT]) == {
        field.attname for field in AuditEvent._meta.concrete_fields
    }


@pytest.mark.django_db
def test_a_hash_can_be_computed_from_its_description_alone():
    """By an auditor without this software."""
    from hashlib import sha256

    organisation = make_organisation()
    now = timezone.now()
    record(organisation, now=now)
    seal()
    event, first = AuditEvent.objects.get(), AuditSeal.objects.get()

    def instant(moment):
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")

    columns = {name: getattr(event, name) for name in sealing.FORMATS[1]}
    columns["recorded_at"] = instant(now)
    line = json.dumps(
        {"event": columns, "format": 1, "sealed_at": instant(first.sealed_at), "sequence": 1},
        sort_keys=True,
        separators=(",", ":"),
    )
    assert first.hash == sha256(f"\n{line}".encode("ascii")).hexdigest()


# ---------------------------------------------------------------- append-only


@pytest.mark.req("AUD-013")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE practice_auditevent SET user_name = 'Nobody'",
        "DELETE FROM practice_auditevent",
        "UPDATE practice_auditseal SET hash = ''",
        "DELETE FROM practice_auditseal",
        "UPDATE practice_audithead SET sequence = 0",
        "UPDATE practice_audithead SET organisation_id = NULL, sequence = sequence + 1",
        "DELETE FROM practice_audithead",
        "UPDATE practice_audithead SET sequence = sequence + 1",
        "UPDATE practice_audithead SET sequence = sequence + 1000000",
        "INSERT INTO practice_audithead (sequence, hash) VALUES (7, '')",
        "INSERT INTO practice_audithead (sequence, hash) VALUES (0, 'x')",
        pytest.param(
            "TRUNCATE practice_auditevent CASCADE", marks=pytest.mark.postgresql, id="truncate"
        ),
    ],
)
@pytest.mark.django_db
def test_the_database_itself_refuses_to_change_the_trail(statement):
    sealed_trail(1)
    connection.check_constraints()  # or PostgreSQL will not TRUNCATE for a reason of its own

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert AuditSeal.objects.count() == 1


@pytest.mark.req("AUD-013")
@pytest.mark.django_db
def test_the_end_of_a_trail_moves_to_its_last_seal_only(monkeypatch):
    """Whoever may seal may move it; beyond the last seal no trail would be whole again."""
    organisation = sealed_trail(3)
    record(organisation)
    monkeypatch.setattr(AuditHead, "save", lambda *_, **__: None)
    seal()  # and its end has not moved yet
    head = AuditHead.objects.filter(organisation=organisation)
    hash = AuditSeal.objects.get(organisation=organisation, sequence=4).hash

    for wrong in ({"sequence": 5, "hash": hash}, {"sequence": 4, "hash": "0f" * 32}):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            head.update(**wrong)
    head.update(sequence=4, hash=hash)

    assert check(organisation).faults == []


@pytest.mark.req("AUD-010", "AUD-017")
@pytest.mark.postgresql
@pytest.mark.django_db
def test_the_serving_role_can_do_its_work_without_a_right_to_change_the_trail(monkeypatch):
    """As deploy/postgresql/rights.sql gives it; what it lacks is refused before any trigger."""
    monkeypatch.setattr(row_security, "BIND", row_security_world.PLAIN)  # the role is set here
    organisation = make_organisation()
    with connection.cursor() as cursor:
        for statement in roles.making():
            cursor.execute(statement)
    with across_practices(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {roles.SERVING}")

        record(organisation, 2)
        assert seal() == {organisation.pk: 2}
        assert check(organisation).faults == []
        for table in ("practice_auditevent", "practice_auditseal", "practice_audithead"):
            for statement in (
                "DELETE FROM {}",
                "TRUNCATE {}",
                "ALTER TABLE {} DISABLE TRIGGER ALL",
            ):
                with pytest.raises(ProgrammingError), transaction.atomic():
                    cursor.execute(statement.format(table))
        for table in ("practice_auditevent", "practice_auditseal"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                cursor.execute(f"UPDATE {table} SET organisation_id = NULL")
        for statement, why in (
            ("UPDATE practice_audithead SET organisation_id = NULL", "permission denied"),
            ("UPDATE practice_audithead SET sequence = sequence + 1", "append-only"),
            ("CREATE TEMPORARY TABLE practice_auditwaiting (event_id bigint)", "permission denied"),
            ("CREATE TABLE practice_own (id bigint)", "permission denied"),
        ):
            with pytest.raises(DatabaseError, match=why), transaction.atomic():
                cursor.execute(statement)
        cursor.execute("RESET ROLE")
