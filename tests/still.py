"""What does not keep a rule of the house yet, by rule: a list that only becomes shorter."""

# ruff: noqa: E501 - a name stands on one line

STILL: dict[str, set[str]] = {
    "questions": {
        "practice.admin.base.PracticeAdmin.audit_found: Organisation.objects",
        "practice.admin.directory.LocationForm.clean: Location.objects",
        "practice.admin.directory.PractitionerAdmin._roles: PractitionerRole.objects",
        "practice.admin.directory.PractitionerAdmin.practices_concerned: Organisation.objects",
        "practice.admin.directory.PractitionerForm.clean_sds_user_id: Practitioner.objects",
        "practice.admin.patients.PatientForm._check_number_is_new: Patient.objects",
        "practice.admin.users.UserAdmin.practices_concerned: Organisation.objects",
        "practice.staff.audit_trail.AuditTrail.shown: AuditEvent.objects",
        "practice.staff.audit_trail.AuditTrail.shown: Patient.objects",
        "practice.staff.calendar_feeds.Calendars.feeds: CalendarFeed.objects",
        "practice.staff.calendar_feeds.Calendars.holders: Practitioner.objects",
        "practice.staff.calendar_feeds.Calendars.holders: PractitionerRole.objects",
        "practice.staff.calendar_feeds.appointments_of: Appointment.objects",
        "practice.staff.calendar_feeds.sessions_of: Schedule.objects",
        "practice.staff.call_list.Contacted.post: Appointment.objects",
        "practice.staff.clinic_list.ClinicList.appointments: Appointment.objects",
        "practice.staff.clinic_list.ClinicList.get: Practitioner.objects",
        "practice.staff.clinic_list.ClinicList.sessions: Schedule.objects",
        "practice.staff.sign_in.not_signed_in: get_user_model().objects",
    },
}
