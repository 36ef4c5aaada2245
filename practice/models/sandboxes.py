"""What passed over the wire of a supplier's sandbox, where nobody is real."""

from typing import Any, ClassVar

from django.db import models

from practice.models.directory import Organisation


class SandboxExchange(models.Model):
    """A request to a sandbox and its answer, headers and bodies, for the supplier to read.

    The audit trail keeps no bodies; nowhere else are any kept (practice.services.sandboxes).
    ``key`` is what the event of the trail calls it, in its detail.
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.CASCADE,
        db_index=False,  # sandbox_exchange_latest begins with it
        related_name="sandbox_exchanges",
        verbose_name="practice",
    )
    key = models.CharField(max_length=32)
    request_headers = models.JSONField(default=dict)
    request_body = models.TextField(blank=True)
    response_headers = models.JSONField(default=dict)
    response_body = models.TextField(blank=True)

    class Meta:
        default_permissions: ClassVar[Any] = ()
        constraints = [
            models.UniqueConstraint(fields=["organisation", "key"], name="sandbox_exchange_once"),
        ]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="sandbox_exchange_latest"),
        ]

    def __str__(self) -> str:
        return f"exchange {self.key}"
