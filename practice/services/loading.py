"""Loading practices from files: all of them or nothing, and as often as one likes.

Records are found again by their natural keys (an ODS code, a name within the practice, an SDS user
ID, an NHS number). What a file does not mention stays as it is, and nothing is ever deleted, except
that a list within a record (a template's blocks, a patient's addresses) becomes what the file says.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import models, transaction

from practice import clock, terminology
from practice.exceptions import DiaryRefused, FilesRefused, Problem
from practice.models import (
    AccessProfile,
    Closure,
    ConsumerGroup,
    HealthcareService,
    Location,
    Membership,
    Organisation,
    Patient,
    Practitioner,
    PractitionerRole,
    SessionTemplate,
    SlotType,
)
from practice.models.common import Versioned
from practice.national_data import NationalData
from practice.practice_file import NO_SERVICE, Entry, columns_of, faults_of, read, without_none
from practice.reads import national_data
from practice.reads.accounts import practices_of_user
from practice.reads.directory import practices_of_practitioner
from practice.services.audit.recording import Actor, record_done
from practice.services.dumps.accounts import ASK_THE_SITE, roles_named
from practice.services.dumps.loading import FILTERING, SWITCHES, Progress, load_dump
from practice.services.enablement import filter_if_possible, switch
from practice.services.service_filtering import note_at_new_practice
from practice.services.slot_types import keep_known, map_as_described


@dataclass(frozen=True)
class Loaded:
    """A practice and what its file did: how many records of each kind it made and changed."""

    organisation: Organisation
    created: Counter[str]
    changed: Counter[str]


@transaction.atomic
def load_practices(
    *,
    files: Mapping[str, str],
    actor: Actor,
    now: datetime,
    dumps: Iterable[Path] = (),
    progress: Progress = lambda _: None,
    sandbox_of: str = "",
) -> list[Loaded]:
    """Load practices from files, given as name and content, and from dumps, given by their paths.

    ``sandbox_of`` names the supplier whose sandbox the files describe: none is loaded into a
    practice of the other kind. Raises FilesRefused with every problem of every file; then nothing
    is loaded. ``progress`` hears how many bytes of dumps more have been read.
    """
    loaded, problems = [], []
    for path in dumps:
        try:
            moved = load_dump(path=path, actor=actor, now=now, progress=progress)
        except FilesRefused as refusal:
            problems += refusal.problems
        else:
            made = {name.replace("_", " "): n for name, n in moved.entries.items() if n}
            loaded.append(Loaded(moved.organisation, Counter(made), Counter()))
    for file, content in files.items():
        described, found = read(file, content, today=clock.today(now))
        problems += found
        loader = _Loader(file, described, actor, now, sandbox_of)
        if done := loader.load():
            loaded.append(done)
        problems += loader.problems
    if problems:
        raise FilesRefused(problems)
    return loaded


class _Loader:
    """The loading of one file: what was found or made so far, and what is wrong."""

    def __init__(
        self, file: str, described: Entry, actor: Actor, now: datetime, sandbox_of: str
    ) -> None:
        self.file, self.described, self.actor, self.now = file, described, actor, now
        self.sandbox_of = sandbox_of
        self.problems: list[Problem] = []
        self.created: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        # Records by what the file calls them; None: named, but not usable because of a problem.
        self.locations: dict[str, Location | None] = {}
        self.practitioners: dict[str, Practitioner | None] = {}
        self.profiles: dict[str, AccessProfile | None] = {}
        self.services: dict[str, HealthcareService | None] = {}

    def load(self) -> Loaded | None:
        described = self.described
        practice = described.get("practice")
        if not isinstance(practice, Entry) or not practice.get("ods_code"):
            return None
        organisation = self._organisation(practice)
        if organisation is None:
            return None
        self.organisation = organisation
        for section, load in (
            ("locations", self._location),
            ("practitioners", self._practitioner),
            ("access_profiles", self._profile),
            ("slot_types", self._slot_type),
            ("services", self._service),
            ("templates", self._template),
            ("closures", self._closure),
            ("patients", self._patient),
            ("staff", self._member),
        ):
            seen: set[object] = set()
            for entry in described.get(section) or ():
                if isinstance(entry, Entry):
                    load(entry, seen)
        filters = self.is_new and practice.get(FILTERING) and not self.problems
        if filters and (why := filter_if_possible(organisation, actor=self.actor, now=self.now)):
            self._problem(practice, FILTERING, why)
        record_done(
            "practice.load",
            organisation,
            actor=self.actor,
            now=self.now,
            detail={
                "file": self.file,
                "created": dict(self.created),
                "changed": dict(self.changed),
            },
        )
        return Loaded(organisation, self.created, self.changed)

    # ------------------------------------------------------------ the sections

    def _organisation(self, entry: Entry) -> Organisation | None:
        values = columns_of(entry, without=(*SWITCHES, FILTERING, "ods_code"))
        found = Organisation.objects.filter(ods_code=entry["ods_code"]).first()
        if found and found.sandbox_of != self.sandbox_of:
            what = "the sandbox of a supplier" if found.sandbox_of else "a real practice"
            words = f"{found.ods_code} is {what} here, and stays one."
            self._problem(entry, "ods_code", words)
            return None
        # What a person switched off stays off, however often the file is loaded.
        switches = {} if found else {name: bool(entry.get(name)) for name in SWITCHES}
        record = found or Organisation(ods_code=entry["ods_code"], sandbox_of=self.sandbox_of)
        organisation: Organisation | None = self._save(record, values, entry)
        self.is_new = not found
        if organisation and self.is_new:
            note_at_new_practice(organisation)
            switch(organisation=organisation, actor=self.actor, now=self.now, **switches)
        return organisation

    def _location(self, entry: Entry, seen: set[object]) -> None:
        name: Any = entry.get("name")
        if self._is_unusable(entry, name, seen, self.locations):
            return
        of_practice = Location.objects.filter(organisation=self.organisation)
        location = of_practice.filter(name=name).first()
        location = location or Location(organisation=self.organisation, name=name)
        if entry.get("is_main") and of_practice.filter(is_main=True).exclude(name=name).exists():
            self._problem(entry, "is_main", "the practice has another main surgery.")
            return
        self.locations[name] = self._save(location, columns_of(entry, without=["name"]), entry)

    def _practitioner(self, entry: Entry, seen: set[object]) -> None:
        sds_user_id: Any = entry.get("sds_user_id")
        if self._is_unusable(entry, sds_user_id, seen, self.practitioners):
            return
        practitioner = Practitioner.objects.filter(sds_user_id=sds_user_id).first()
        practitioner = practitioner or Practitioner(sds_user_id=sds_user_id)
        languages = terminology.value_set("human_language").codes
        for code in entry.get("languages") or ():
            if code not in languages:
                self._problem(entry, "languages", f"{code} is not a code of the published list.")
        if not entry["roles"]:
            self._problem(entry, "roles", "without one this person would not work here.")
            return
        values = columns_of(entry, without=["sds_user_id", "roles"])
        is_new = practitioner.pk is None
        if not is_new and self._is_of_others_too(practices_of_practitioner(practitioner)):
            self._refuse_changes(practitioner, values, entry)
            saved: Practitioner | None = practitioner
        else:
            saved = self._save(practitioner, values, entry)
        self.practitioners[sds_user_id] = saved
        if saved is None:
            return
        roles: set[Any] = set()
        for role in entry["roles"]:
            if self._is_unusable(role, role.get("role"), roles):
                continue
            mine = {"organisation": self.organisation, "practitioner": saved, "role": role["role"]}
            found = PractitionerRole.objects.filter(**mine).first()
            # A further role of somebody who was there is a change of how they are shown (GEN-032).
            found = found or PractitionerRole(**mine, version=0 if is_new else 1)
            self._save(found, columns_of(role, without=["role"]), role)

    def _profile(self, entry: Entry, seen: set[object]) -> None:
        name: Any = entry.get("name")
        if self._is_unusable(entry, name, seen, self.profiles):
            return
        known = terminology.value_set("organisation_type").codes
        for code in entry.get("organisation_types") or ():
            if code not in known:
                words = f"{code} is none of {', '.join(known)}."
                self._problem(entry, "organisation_types", words)
        mine = {"organisation": self.organisation, "name": name}
        found = AccessProfile.objects.filter(**mine).first()
        values = columns_of(entry, without=["name"])
        if entry.get("ods_codes"):
            values["ods_codes"] = [code.upper() for code in entry["ods_codes"]]
        if group := entry.get("consumer_group"):
            values["consumer_group"] = ConsumerGroup.objects.filter(name=group).first()
            if values["consumer_group"] is None:
                self._problem(entry, "consumer_group", f"There is no group “{group}” here.")
        self.profiles[name] = self._save(found or AccessProfile(**mine), values, entry)

    def _slot_type(self, entry: Entry, seen: set[object]) -> None:
        name: Any = entry.get("name")
        if self._is_unusable(entry, name, seen):
            return
        mine = {"organisation": self.organisation, "name": name}
        found = SlotType.objects.filter(**mine).first()
        mapping = ("national_category", "service_setting", "mode", "mapped_from")
        values = columns_of(entry, without=("name", *mapping))
        saved = self._save(found or SlotType(**mine), values, entry)
        if saved is None or entry.get("national_category") is None:
            return
        try:
            made = map_as_described(saved, entry, lists=self.lists, actor=self.actor, now=self.now)
        except DiaryRefused as refusal:
            self._problem(entry, "national_category", str(refusal))
        else:
            if made and found:
                self.changed["mapping"] += 1

    @cached_property
    def lists(self) -> NationalData:
        """The national lists in force."""
        return national_data.in_force()

    def _service(self, entry: Entry, seen: set[object]) -> None:
        service_id: Any = entry.get("service_id")
        if self._is_unusable(entry, service_id, seen, self.services):
            return
        mine = {"organisation": self.organisation, "service_id": service_id}
        service = HealthcareService.objects.filter(**mine).first() or HealthcareService(**mine)
        self.services[service_id] = self._save(service, columns_of(entry), entry)

    def _template(self, entry: Entry, seen: set[object]) -> None:
        key = tuple(entry.get(n) for n in ("session_name", "session_holder", "effective_from"))
        if self._is_unusable(entry, key, seen):
            return
        values = columns_of(entry, without=["session_name", "effective_from", "blocks"])
        if service := values.pop("service", None):
            values["no_healthcare_service"] = service == NO_SERVICE
            values["healthcare_service"] = None if service == NO_SERVICE else service
        if not self._refer(entry, values):
            return
        mine = {
            "organisation": self.organisation,
            "session_name": entry["session_name"],
            "session_holder": values.pop("session_holder", None),
            "effective_from": entry["effective_from"],
        }
        found = SessionTemplate.objects.filter(**mine).first()
        values["weekdays"] = sorted(set(entry["weekdays"]))
        template = self._save(found or SessionTemplate(**mine), values, entry)
        if template is None:
            return
        blocks = []
        for position, block in enumerate(entry["blocks"]):
            fields = columns_of(block)
            if self._refer(block, fields):
                blocks.append((block, {"position": position, **fields}))
        if not entry["blocks"]:
            self._problem(entry, "blocks", "a template needs blocks.")
        self._replace(template.blocks, blocks, order="position")
        keep_known(self.organisation, (block.get("slot_type") or "" for block in entry["blocks"]))

    def _closure(self, entry: Entry, seen: set[object]) -> None:
        names = ("kind", "location", "practitioner", "start_date", "start_time")
        if self._is_unusable(entry, tuple(entry.get(name) for name in names), seen):
            return
        values = columns_of(entry)
        values["end_date"] = values.get("end_date") or entry["start_date"]
        if not self._refer(entry, values):
            return
        mine = {"organisation": self.organisation, **{n: values.pop(n, None) for n in names}}
        found = Closure.objects.filter(**mine).first()
        self._save(found or Closure(**mine), values, entry)

    def _patient(self, entry: Entry, seen: set[object]) -> None:
        lists = ("other_names", "addresses", "telecoms", "contacts", "languages")
        number = (entry.get("nhs_number") or "").replace(" ", "")
        if self._is_unusable(entry, number, seen):
            return
        values = columns_of(entry, without=("nhs_number", *lists))
        if not self._refer(entry, values):
            return
        mine = {"organisation": self.organisation, "nhs_number": number}
        found = Patient.objects.filter(**mine).first()
        saved = self._save(found or Patient(**mine), values, entry)
        if saved is None:
            return
        before = self.created + self.changed
        for name in lists:
            if entry.get(name) is not None:
                records = [(item, columns_of(item)) for item in entry[name]]
                self._replace(getattr(saved, name), records)
        if found and self.created + self.changed != before:
            Patient.objects.filter(pk=saved.pk).update(version=models.F("version") + 1)

    def _member(self, entry: Entry, seen: set[object]) -> None:
        username: Any = entry.get("username")
        if self._is_unusable(entry, username, seen):
            return
        groups, unknown = roles_named(entry["roles"])
        for words in unknown:
            self._problem(entry, "roles", words)
        if entry.get("password") and not self.described.get("demo"):
            words = "passwords stand only in files that say demo: true."
            self._problem(entry, "password", words)
            return
        user = User.objects.filter(username=username).first()
        is_new = user is None
        user = user or User(username=username)
        if is_new:
            user.is_staff = True
            # The password of somebody who is there already is their own.
            if entry.get("password"):
                user.set_password(entry["password"])
            else:
                user.set_unusable_password()
        values = columns_of(entry, without=("username", "roles", "password"))
        if not self._refer(entry, values):
            return
        holder = values.pop("session_holder", None)
        if not is_new and (user.is_superuser or self._is_of_others_too(practices_of_user(user))):
            self._refuse_changes(user, values, entry)
            held = set(user.groups.values_list("name", flat=True))
            if more := sorted({group.name for group in groups} - held):
                words = f"{', '.join(more)}: {user} works at another practice too, and roles hold"
                self._problem(entry, "roles", f"{words} at every practice. {ASK_THE_SITE}")
            saved: User | None = user
        else:
            saved = self._save(user, values, entry)
        if saved is None:
            return
        saved.groups.add(*groups)
        said = {"session_holder": holder} if holder else {}
        members = Membership.objects.filter(organisation=self.organisation)
        members.update_or_create(said, organisation=self.organisation, user=saved)

    # ------------------------------------------------------------ what they share

    def _problem(self, entry: Entry, field: str | None, reason: str) -> None:
        line = entry.lines.get(field or "", entry.line)
        words = f"{field}: {reason}" if field in entry.lines else reason
        self.problems.append(Problem(self.file, line, words))

    def _is_unusable(
        self, entry: Entry, key: Any, seen: set[object], named: dict[str, Any] | None = None
    ) -> bool:
        """Whether an entry has problems already, or is in the file twice; remember its name."""
        if named is not None and key is not None:
            named.setdefault(key, None)
        if entry.broken:
            return True
        if key in seen:
            self._problem(entry, None, "this stands in the file twice.")
            return True
        seen.add(key)
        return False

    def _is_of_others_too(self, practices: Iterable[Organisation]) -> bool:
        """Whether a person belongs to other practices, which this file does not speak for."""
        return any(practice != self.organisation for practice in practices)

    def _refuse_changes(self, record: Any, values: Mapping[str, Any], entry: Entry) -> None:
        """Note where a file would change somebody whom other practices share."""
        for name, value in without_none(record, values).items():
            if getattr(record, name) != value:
                words = f"{record} works at another practice too, and would change there."
                self._problem(entry, name, f"{words} {ASK_THE_SITE}")

    def _refer(self, entry: Entry, values: dict[str, Any]) -> bool:
        """Put records in place of the names that an entry refers to them by."""
        usable = True
        references: dict[str, tuple[dict[str, Any], type[models.Model], str]] = {
            "location": (self.locations, Location, "name"),
            "preferred_branch": (self.locations, Location, "name"),
            "session_holder": (self.practitioners, Practitioner, "sds_user_id"),
            "practitioner": (self.practitioners, Practitioner, "sds_user_id"),
            "general_practitioner": (self.practitioners, Practitioner, "sds_user_id"),
            "access_profile": (self.profiles, AccessProfile, "name"),
            "healthcare_service": (self.services, HealthcareService, "service_id"),
        }
        for field, (named, model, key) in references.items():
            name = values.get(field)
            if name is None:
                continue
            if name not in named:
                named[name] = self._stored(model, key, name)
                if named[name] is None:
                    what = model._meta.verbose_name
                    self._problem(entry, field, f"there is no {what} {name} at this practice.")
            values[field] = named[name]
            usable = usable and named[name] is not None
        return usable

    def _stored(self, model: type[models.Model], key: str, name: str) -> Any:
        of_practice: dict[str, Any] = {"organisation": self.organisation}
        if model is Practitioner:
            of_practice = {"roles__organisation": self.organisation}
        return model._default_manager.filter(**of_practice, **{key: name}).first()

    def _save(self, record: Any, values: Mapping[str, Any], entry: Entry) -> Any:
        """Give a record its values and store it if they differ; None when it is not valid."""
        values = without_none(record, values)
        different = {n: v for n, v in values.items() if getattr(record, n, None) != v}
        for name, value in different.items():
            setattr(record, name, value)
        if self._find_faults(record, entry):
            return None
        kind = str(record._meta.verbose_name)
        if record._state.adding:
            self.created[kind] += 1
        elif different:
            self.changed[kind] += 1
            if isinstance(record, Versioned):
                record.version += 1
        else:
            return record
        was_there = not record._state.adding
        record.save()
        if was_there and "is_main" in different:
            # The practice is shown with its main surgery (GEN-032).
            Organisation.objects.filter(pk=record.organisation_id).update(
                version=models.F("version") + 1
            )
        return record

    def _find_faults(self, record: models.Model, entry: Entry) -> bool:
        """Note what the model itself says against a record, each with the line of its field."""
        faults = faults_of(record)
        for field, words in faults:
            name = "address" if field and field.startswith("address_line") else field
            self._problem(entry, name, words)
        return bool(faults)

    def _replace(
        self, manager: Any, wanted: Iterable[tuple[Entry, dict[str, Any]]], order: str = "pk"
    ) -> None:
        """Make the records below another one what the file says, and leave those that are so."""
        there = list(manager.order_by(order))
        wanted = list(wanted)
        owner = {manager.field.name: manager.instance}
        for number, (entry, values) in enumerate(wanted):
            if entry.broken:
                continue
            record = there[number] if number < len(there) else manager.model(**owner)
            fresh = manager.model(**owner)
            defaults = {
                field.name: getattr(fresh, field.name)
                for field in manager.model._meta.concrete_fields
                if not field.primary_key and field.name not in owner and not field.is_relation
            }
            relations = {
                field.name: None
                for field in manager.model._meta.concrete_fields
                if field.is_relation and field.name not in owner
            }
            self._save(record, {**defaults, **relations, **without_none(fresh, values)}, entry)
        for record in there[len(wanted) :]:
            self.changed[str(record._meta.verbose_name)] += 1
            record.delete()
