"""The practice, its places, people, roles and patients: found again where they are here."""

from typing import Any

from django.db.models import Sum

from practice.models import Location, Organisation, Patient, Practitioner, PractitionerRole
from practice.services.importing.records import Place
from practice.services.importing.resolving import Resolver, remembered
from practice.services.importing.stage import DONE, LEFT, Staged
from practice.services.importing.writing import Import
from practice.services.locks import lock_practice


def import_practice(run: Import) -> bool:
    """Find the practice, or make it of its Organization in the files; False: there is neither."""
    here = Organisation.objects.filter(ods_code=run.report.practice).first()
    records = [record for page in run.stage.pages("Organization") for record in page]
    if here is None and records:
        run.is_new = True
        run.store("Organisation", run.checked("Organisation", records[:1]))
        here = Organisation.objects.filter(ods_code=run.report.practice).first()
    if here is None:
        if not run.report.is_refused:
            run.report.problem(
                Place("the files"),
                "",
                f"there is no practice {run.report.practice} here, and no Organization with this "
                "ODS code in the files to make it of",
            )
        return False
    if here.sandbox_of:
        run.report.problem(Place("the files"), "", f"{here} is a sandbox: nobody real goes there")
        return False
    run.organisation = lock_practice(here)
    run.resolver = Resolver(run.stage, run.organisation)
    rest = records[1:] if run.is_new else records
    known = remembered(run.organisation, rest)
    for record in rest:
        run.found(record, run.organisation.pk, known.get(record.source))
    return True


def choose_main_location(run: Import) -> None:
    """A practice that comes with the files has the main surgery that they say."""
    if not run.is_new:
        return
    for page in run.stage.pages("Organization", DONE):
        for record in page:
            for reference in record.refers.get("main", [])[:1]:
                found = run.resolver.find(reference)
                own = Location.objects.filter(organisation=run.organisation, pk=found.pk or 0)
                own.update(is_main=True)
                return


def own_records(run: Import, page: list[Staged]) -> list[Staged]:
    """Those that are this practice's; the others are left, or something is wrong."""
    own = []
    for record in page:
        why = run.resolver.is_of_others(record)
        if why == LEFT:
            run.leave(record, "of another organisation")
        elif why:
            run.problem(record, why)
        else:
            own.append(record)
    return own


def once(run: Import, page: list[Staged], column: str, what: str) -> list[Staged]:
    """Those whose value no other record of the page has; a second one is a problem."""
    seen: dict[Any, Staged] = {}
    for record in page:
        value = record.values[column]
        if value is not None and value in seen:
            run.problem(record, f"{seen[value].shown} has the same {what}")
        else:
            seen[value if value is not None else record.id] = record
    return list(seen.values())


def import_locations(run: Import, page: list[Staged]) -> None:
    """Places of the practice, known by their names."""
    names = [record.values["name"] for record in page]
    there = Location.objects.filter(organisation=run.organisation, name__in=names)
    named = {name: pk for pk, name in there.values_list("pk", "name")}
    own = once(run, own_records(run, page), "name", "name")
    rest = run.not_here(own, lambda record: named.get(record.values["name"]))
    run.store("Location", run.checked("Location", rest))


# Who names practitioners, by which column.
NAMING = {
    "PractitionerRole": "practitioner",
    "Patient": "general_practitioner",
    "Schedule": "actors",
    "Appointment": "actors",
}


def leave_strangers(run: Import) -> None:
    """Leave practitioners whom nothing of this practice names: they are somebody else's."""
    wanted: set[int] = set()
    for kind, column in NAMING.items():
        for page in run.stage.pages(kind):
            for record in page:
                if run.resolver.is_of_others(record):
                    continue
                for reference in record.refers.get(column, []):
                    wanted |= {each.id for each in run.stage.find(reference)}
    for page in run.stage.pages("Practitioner"):
        for record in page:
            if record.id not in wanted:
                run.leave(record, "nothing of this practice names them")


def import_practitioners(run: Import, page: list[Staged]) -> None:
    """Clinicians, known by their SDS user IDs at all practices: nobody who is here is changed."""
    numbers = [each.values["sds_user_id"] for each in page if each.values["sds_user_id"]]
    there = Practitioner.objects.filter(sds_user_id__in=numbers)
    known = {
        number: (pk, name.casefold())
        for pk, number, name in there.values_list("pk", "sds_user_id", "family_name")
    }
    first_of: dict[Any, Staged] = {}
    doubles: list[tuple[Staged, Staged]] = []
    same = []
    for record in page:
        number, name = record.values["sds_user_id"], record.values["family_name"].casefold()
        if number in known and known[number][1] != name:
            run.problem(record, "its SDS user ID is of somebody with another family name")
            continue
        # The same person may come with each file that names them.
        first = first_of.setdefault(number or record.id, record)
        if first is record:
            same.append(record)
        elif first.values["family_name"].casefold() == name:
            doubles.append((record, first))
        else:
            run.problem(record, f"{first.shown} has the same SDS user ID and another family name")
    rest = run.not_here(same, lambda record: known.get(record.values["sds_user_id"], (None, ""))[0])
    run.store("Practitioner", run.checked("Practitioner", rest))
    for record, first in doubles:
        for (pk,) in run.stage.query("SELECT pk FROM record WHERE id = ?", first.id):
            if pk:
                run.found(record, pk, remembered(run.organisation, [record]).get(record.source))


def import_roles(run: Import, page: list[Staged]) -> None:
    """What somebody does here: a role is there once."""
    person_of: dict[int, int] = {}
    own = []
    for record in own_records(run, page):
        if pk := run.refer(record, "practitioner", needed=True):
            person_of[record.id] = pk
            own.append(record)
    there = PractitionerRole.objects.filter(
        organisation=run.organisation, practitioner__in=set(person_of.values())
    )
    known = {
        (person, role): pk for pk, person, role in there.values_list("pk", "practitioner", "role")
    }

    def key(record: Staged) -> tuple[int, str]:
        return person_of[record.id], record.values["role"]

    new: dict[tuple[int, str], Staged] = {}
    for record in run.not_here(own, lambda record: known.get(key(record))):
        if new.setdefault(key(record), record) is not record:
            run.problem(record, f"{new[key(record)].shown} is the same role of the same person")
    made = {
        pk
        for (pk,) in run.stage.query(
            "SELECT pk FROM record WHERE kind = 'Practitioner' AND made = 1"
        )
    }
    rows = run.checked("PractitionerRole", list(new.values()))
    for record, values, _ in rows:
        values["practitioner"] = person_of[record.id]
        # A further role of somebody who was there is a change of how they are shown (GEN-032).
        values["version"] = (
            record.version if run.keeps_id(record) else (int(values["practitioner"] not in made))
        )
    run.store("PractitionerRole", rows)


def part_versions(run: Import) -> None:
    """A practitioner who comes with a version: of it, the roles' versions are theirs."""
    if not run.is_new:
        return
    made = run.stage.query("SELECT pk FROM record WHERE kind = 'Practitioner' AND made = 1")
    for (pk,) in made:
        person = Practitioner.objects.annotate(of_roles=Sum("roles__version")).get(pk=pk)
        if person.version > 1 and person.of_roles:
            version = max(1, person.version - person.of_roles)
            Practitioner.objects.filter(pk=pk).update(version=version)


def import_patients(run: Import, page: list[Staged]) -> None:
    """Patients of the practice, known by their NHS numbers; without one, by the file's name."""
    numbers = [each.values["nhs_number"] for each in page if each.values["nhs_number"]]
    there = Patient.objects.filter(organisation=run.organisation, nhs_number__in=numbers)
    known = {
        number: (pk, born.isoformat())
        for pk, number, born in there.values_list("pk", "nhs_number", "birth_date")
    }
    same = []
    for record in once(run, own_records(run, page), "nhs_number", "NHS number"):
        found = known.get(record.values["nhs_number"])
        if found and found[1] != record.values["birth_date"]:
            run.problem(record, "its NHS number is of a patient here with another date of birth")
        else:
            same.append(record)
    rest = run.not_here(same, lambda record: known.get(record.values["nhs_number"], (None, ""))[0])
    usable = []
    for record, values, parts in run.checked("Patient", rest):
        for column in ("preferred_branch", "general_practitioner"):
            values[column] = run.refer(record, column)
        if ends_too_early(values["registration_start"], values["registration_end"]):
            run.problem(record, "the registration ends before it starts")
        else:
            usable.append((record, values, parts))
    run.store("Patient", usable)


def ends_too_early(start: Any, end: Any) -> bool:
    """Whether a period ends before it starts; either end may be open."""
    return bool(start and end and end < start)
