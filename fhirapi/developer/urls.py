"""The addresses below /developer/."""

from django.urls import path

from fhirapi.developer import pages

app_name = "developer"
urlpatterns = [
    path("", pages.overview, name="overview"),
    path("openapi.json", pages.openapi, name="openapi"),
    path("try/", pages.try_it, name="try"),
    path("headers.json", pages.headers, name="headers"),
]
