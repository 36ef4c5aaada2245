"""The patient's page, where a telephone call happens: who it is, what is booked, what to know."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from practice.exceptions import PracticeError
from practice.models import Appointment, Patient
from practice.reads.diary_columns import age
from practice.reads.patient_page import MOST_PAST, PatientFile, days_ahead, patient_file
from practice.reads.patients import VERIFIED, why_hidden, why_nobody_books_for
from practice.services import patients
from practice.services.appointments.changing import why_it_stays
from practice.services.audit.recording import record_done
from practice.site.addresses import number
from practice.site.wishes import wish_in_words
from practice.staff.base import RecordPage, found_or_404
from practice.staff.elsewhere import search_address_on


class NoteForm(forms.Form):
    """A note for reception."""

    text = forms.CharField(
        label="New note",
        max_length=patients.NOTE_LENGTH,
        help_text="For reception only. Other organisations never see it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class PatientPage(RecordPage):
    """One patient: read by whoever may, changed where reception writes about them."""

    permission = "practice.view_patient"
    template = "staff/patient/page.html"
    title = "Patient"
    model = Patient

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(pk)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.request.user.has_perm("practice.change_patient"):
            raise PermissionDenied
        do = {"note": self.write_note, "end_note": self.end_note, "identity": self.identify}.get(
            request.POST.get("do", "")
        )
        if do is None:
            raise Http404("There is no such change.")
        form = NoteForm(request.POST) if request.POST["do"] == "note" else None
        if form and not form.is_valid():
            return self.show(pk, form=form, status=422)
        whose = {
            "organisation": self.practice,
            "patient_id": pk,
            "actor": self.actor,
            "now": self.now,
        }
        try:
            said = do(whose, form)
        except PracticeError as refusal:
            return self.show(pk, problem=str(refusal), status=422)
        return self.done(said, reverse("admin:practice_patient_page", args=[pk]))

    def write_note(self, whose: dict[str, Any], form: Any) -> str:
        patients.add_note(text=form.cleaned_data["text"], **whose)
        return "Note added."

    def end_note(self, whose: dict[str, Any], form: Any) -> str:
        patients.end_note(note_id=number(self.request.POST.get("note")), **whose)
        return "Note removed."

    def identify(self, whose: dict[str, Any], form: Any) -> str:
        patients.confirm_identity(asked=self.request.POST.getlist("asked"), **whose)
        return "Recorded: the caller is who they say."

    # ------------------------------------------------------------ what is shown

    def show(
        self, pk: int, *, form: NoteForm | None = None, problem: str = "", status: int = 200
    ) -> HttpResponse:
        found = patient_file(organisation=self.practice, patient_id=pk, now=self.now)
        file = found_or_404(found)
        patient = file.patient
        shown = [each.pk for each in file.namesakes]
        record_done(
            "patient.viewed",
            patient,
            actor=self.actor,
            now=self.now,
            detail={"patients": shown} if shown else {},
        )
        here = reverse("admin:practice_patient_page", args=[pk])
        why_not = why_nobody_books_for(patient, now=self.now)
        whose = urlencode({"patient": pk, "back": here})
        return self.render(
            status=status,
            title=patient.full_name,
            file=file,
            patient=patient,
            age=age(patient.birth_date, self.now),
            here=here,
            book=f"{reverse('admin:practice_appointment_add')}?{whose}",
            why_not=why_not,
            identity=self.identity(file),
            enough=patients.ENOUGH,
            asked=self.request.POST.getlist("asked"),
            problem=problem,
            warnings=self.warnings(file, why_not),
            coming=[self.line(each, here, file) for each in file.coming],
            waits_for=[(each, wish_in_words(each)) for each in file.waits_for],
            join=f"{reverse('admin:practice_cancellationlistentry_add')}?{whose}",
            elsewhere=file.elsewhere,
            book_elsewhere=search_address_on(self, pk, back=here),
            past=file.past[:MOST_PAST],
            more=len(file.past) > MOST_PAST,
            form=form or NoteForm(),
            everything=self.everything(patient),
        )

    def identity(self, file: PatientFile) -> list[tuple[str, str, str]]:
        """What a caller may be asked, each with what they should say."""
        patient = file.patient
        telephones = [each.value for each in file.telecoms if each.system == "phone"]
        answers = {
            "name": ("Full name", f"{patient.given_names} {patient.family_name}"),
            "born": ("Date of birth", f"{patient.birth_date.day} {patient.birth_date:%b %Y}"),
            "address": ("Address", str(file.address or "")),
            "telephone": ("Telephone ends", telephones[0][-3:] if telephones else ""),
        }
        return [(name, *answers[name]) for name in patients.IDENTITY if answers[name][1]]

    def warnings(self, file: PatientFile, why_not: str) -> list[dict[str, str]]:
        """What to know before anything is said or booked: what prevents a mix-up comes first."""
        found = []
        if why_not:
            found.append({"title": f"{why_not} No appointment can be booked.", "text": ""})
        for other in file.namesakes:
            born = f"{other.birth_date.day} {other.birth_date:%b %Y}"
            found.append(
                {
                    "title": f"Same name: another {other.given_names} {other.family_name}",
                    "text": f"born {born}. Check the date of birth.",
                    "link": reverse("admin:practice_patient_page", args=[other.pk]),
                }
            )
        speaks = [str(each) for each in file.languages if each.interpreter_required]
        if speaks:
            found.append({"title": "Needs an interpreter", "text": ", ".join(speaks)})
        if file.patient.nhs_number_verification != VERIFIED:
            why = ", ".join(why_hidden(file.patient, today=self.today))
            found.append({"title": "Other organisations do not see this patient", "text": why})
        return found

    def line(self, appointment: Appointment, here: str, file: PatientFile) -> dict[str, Any]:
        """A coming appointment, with what can be done about it."""
        address = reverse("admin:practice_appointment_change", args=[appointment.pk])
        stays = why_it_stays(appointment, now=self.now)
        join = urlencode({"appointment": appointment.pk, "back": here})
        return {
            "listed": any(each.appointment_id == appointment.pk for each in file.waits_for),
            "earlier": f"{reverse('admin:practice_cancellationlistentry_add')}?{join}",
            "appointment": appointment,
            "days": days_ahead(appointment, now=self.now),
            "minutes": (appointment.end - appointment.start).seconds // 60,
            "move": ""
            if stays
            else f"{reverse('admin:move', args=[appointment.pk])}?{urlencode({'back': here})}",
            "cancel": "" if stays else f"{address}?{urlencode({'ask': 'cancel', 'back': here})}",
        }

    def everything(self, patient: Patient) -> str:
        """The list of all their appointments; it finds a patient by number or else by name."""
        words = patient.nhs_number or patient.family_name
        lists = reverse("admin:practice_appointment_changelist")
        return f"{lists}?{urlencode({'q': words})}"
