"""The addresses of the day-to-day pages, below /admin/. One line for each page."""

from django.urls import path

from practice.staff import clinic_list, page

urlpatterns = [
    path("practice/choose/", page.ChoosePractice.as_view(), name="choose_practice"),
    path("clinic-list/", clinic_list.ClinicList.as_view(), name="clinic_list"),
]
