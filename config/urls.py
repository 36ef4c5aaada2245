"""Where the two doors are: the admin site for staff, the FHIR base for other organisations.

And calendar feeds, what pages that stay open ask, pages for suppliers' developers, and a hatch for
operators' machines.
"""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from config import health
from demo import sandbox_page
from fhirapi import urls as fhir
from practice.staff import calendar_feeds, live

urlpatterns = [
    path("admin/version/<str:ticket>/", live.poll, name="live"),
    path("admin/", admin.site.urls),
    *fhir.urlpatterns,
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("developer/sandbox/<str:ticket>/", sandbox_page.SandboxPage.as_view(), name="sandbox"),
    re_path(
        r"^developer/sandbox/(?P<ticket>[^/]+)/(?P<key>[0-9a-f]{32})/\Z",
        sandbox_page.ExchangePage.as_view(),
        name="sandbox_exchange",
    ),
    path("calendar/<str:secret>.ics", calendar_feeds.feed, name="calendar_feed"),
    path("developer/", include("fhirapi.developer.urls")),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.prometheus),
]

handler400 = "config.error_handlers.bad_request"
handler403 = "config.error_handlers.permission_denied"
handler404 = "config.error_handlers.page_not_found"
handler500 = "config.error_handlers.server_error"
