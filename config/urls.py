"""Where the two doors are: the admin site for staff, the FHIR base for other organisations.

And calendar feeds and a hatch for operators' machines, before the FHIR base, which answers for
every other address.
"""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config import operations
from practice.staff import calendars

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("calendar/<str:secret>.ics", calendars.feed, name="calendar_feed"),
    path("health/live", operations.live),
    path("health/ready", operations.ready),
    path("metrics", operations.prometheus),
    path("", include("fhirapi.urls")),
]

handler400 = "config.doors.bad_request"
handler403 = "config.doors.permission_denied"
handler404 = "config.doors.page_not_found"
handler500 = "config.doors.server_error"
