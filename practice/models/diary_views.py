"""How staff like to look at the diary: whose columns, in which order, and at which places."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from practice.models.directory import Location, Organisation, Practitioner


class DiaryView(models.Model):
    """A saved view of the diary, such as "Upstairs team": one person's, or the whole practice's.

    Without session holders it shows everybody, without places all of them.
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        db_index=False,  # diary_view_name_once_for_a_person begins with it
        related_name="+",
        verbose_name="practice",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose it is. Empty: the whole practice's.",
    )
    name = models.CharField(max_length=60)
    show_hidden = models.BooleanField("cancelled and withdrawn too", default=False)

    class Meta:
        default_permissions = ()  # whoever sees the diary has views of their own
        ordering = ["name", "id"]
        verbose_name = "view of the diary"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "user", "name"], name="diary_view_name_once_for_a_person"
            ),
            models.UniqueConstraint(
                fields=["organisation", "name"],
                condition=Q(user__isnull=True),
                name="diary_view_name_once_in_practice",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DiaryViewHolder(models.Model):
    """Whose column a view has, and as which from the left."""

    view = models.ForeignKey(
        DiaryView,
        on_delete=models.CASCADE,
        related_name="holders",
        db_index=False,  # diary_view_has_a_holder_once begins with it
    )
    practitioner = models.ForeignKey(
        Practitioner,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # nothing asks by person
    )
    position = models.PositiveSmallIntegerField()

    class Meta:
        default_permissions = ()
        ordering = ["position", "id"]
        verbose_name = "session holder of a view"
        constraints = [
            models.UniqueConstraint(
                fields=["view", "practitioner"], name="diary_view_has_a_holder_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.practitioner}, {self.position}"


class DiaryViewLocation(models.Model):
    """A place whose sessions a view shows."""

    view = models.ForeignKey(
        DiaryView,
        on_delete=models.CASCADE,
        related_name="locations",
        db_index=False,  # diary_view_has_a_place_once begins with it
    )
    location = models.ForeignKey(
        Location,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # nothing asks by place
    )

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        verbose_name = "place of a view"
        constraints = [
            models.UniqueConstraint(fields=["view", "location"], name="diary_view_has_a_place_once")
        ]

    def __str__(self) -> str:
        return str(self.location)


class ChosenDiaryView(models.Model):
    """The view that somebody chose last at a practice; they meet the diary in it."""

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # chosen_diary_view_is_one begins with it
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # nothing asks by person alone
    )
    view = models.ForeignKey(
        DiaryView,
        on_delete=models.CASCADE,
        related_name="chosen_by",
    )

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "user"], name="chosen_diary_view_is_one"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.view}"
