"""Where records came from that a file brought in, so that it brings them in once."""

from django.db import models

from practice.models.directory import Organisation


class ImportedRecord(models.Model):
    """What a file called a record, and the record that it became or was found to be.

    ``source`` stands for the file's name for it, ``said`` for what the file said that must not
    change: another birth date under the same name is another patient. Both are digests.
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        db_index=False,  # imported_once begins with it
        related_name="+",
    )
    source = models.CharField(max_length=64)
    said = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    record = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "source"], name="imported_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}/{self.record}"
