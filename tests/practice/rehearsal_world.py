"""A rehearsal, and the other side of it: a system that does the steps through the API."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse

from fhirapi.resources.common import ODS_CODE
from practice.models import Rehearsal
from practice.reads.rehearsal_report import Report
from workbench.bodies import appointment_body, cancelled
from workbench.consumer import CONSUMER_ODS_CODE, Consumer, as_dict

PAGE = "/admin/going-live/"
WHOM = {"name": "Test call centre", "ods_code": CONSUMER_ODS_CODE.lower()}


class OtherSide:
    """The organisation that the rehearsal is with, as the workbench's consumer sends."""

    def __init__(self, practice, rehearsal: Rehearsal, **of_consumer: Any) -> None:
        self.consumer = Consumer(practice.organisation, **of_consumer)
        self.report = Report(rehearsal)
        self.test, self.not_registered = self.report.patients
        self.appointment: dict[str, Any] = {}

    def search(self, *, days: int = 1, named: str = CONSUMER_ODS_CODE) -> HttpResponse:
        first = self.report.day
        query = {
            "status": "free",
            "start": f"ge{first}",
            "end": f"le{first + timedelta(days=days)}",
            "_include": ["Slot:schedule"],
        }
        if named:
            query["searchFilter"] = f"{ODS_CODE}|{named}"
        return self.consumer.search_slots(query)

    def found_slots(self, **given: Any) -> list[int]:
        bundle = as_dict(self.search(**given))
        found = [entry["resource"] for entry in bundle.get("entry", [])]
        return [int(each["id"]) for each in found if each["resourceType"] == "Slot"]

    def find(self, number: str = "") -> HttpResponse:
        return self.consumer.find_patient(number or self.test.nhs_number or "")

    def book(self, *, slot=None, patient=None) -> HttpResponse:
        slot = slot or next(each for each in self.report.offered)
        booked = self.consumer.book(appointment_body(slots=[slot], patient=patient or self.test))
        if booked.status_code == 201:
            self.appointment = as_dict(booked)
        return booked

    def amend(self) -> HttpResponse:
        body = {**self.appointment, "description": "Another reason"}
        amended = self.consumer.amend(body["id"], body)
        if amended.status_code == 200:
            self.appointment = as_dict(amended)
        return amended

    def cancel(self) -> HttpResponse:
        body = cancelled(self.appointment)
        return self.consumer.cancel(body["id"], body)

    def book_restricted(self) -> HttpResponse:
        return self.book(slot=self.report.restricted)

    def book_for_not_registered(self) -> HttpResponse:
        return self.book(slot=self.report.offered[1], patient=self.not_registered)
