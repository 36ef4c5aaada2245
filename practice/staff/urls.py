"""The addresses of the day-to-day pages, below /admin/. One line for each page."""

from django.urls import path

from practice.staff import book, clinic_list, move, page, second_factor

urlpatterns = [
    path("second-factor/", second_factor.SecondFactor.as_view(), name="second_factor"),
    path("practice/choose/", page.ChoosePractice.as_view(), name="choose_practice"),
    path("book/", book.Book.as_view(), name="book"),
    path("book/done/<int:pk>/", book.Booked.as_view(), name="booked"),
    path("book/extra-slot/", book.ExtraSlot.as_view(), name="extra_slot"),
    path("move/<int:pk>/", move.Move.as_view(), name="move"),
    path("clinic-list/", clinic_list.ClinicList.as_view(), name="clinic_list"),
]
