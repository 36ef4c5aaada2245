"""Where a reason is mended: the page of the record that is to be changed, and links to it."""

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from practice.models import Slot
from practice.reads.bookability import RULE_OF, Reason, why_never_offered


def page_of(record: Model) -> str:
    """Return the address at which a record is changed; none while it is not stored."""
    if record.pk is None:
        return ""
    options = record._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[record.pk])


def where_mended(reason: Reason, slot: Slot) -> str:
    """Return the address of the page on which a reason against a slot is mended."""
    return page_of(RULE_OF[reason].mended_at(slot))


def never_offered_with_links(slot: Slot) -> list[str | SafeString]:
    """Say why nobody outside could ever be offered this slot, for a form; none: it can be offered.

    A sentence for each reason, with a link to what is to be changed, unless that is the slot (or
    the template's block) on the form itself. The slot need not be saved, nor its session.
    """
    said: list[str | SafeString] = []
    for refusal in why_never_offered(slot, organisation=slot.organisation):
        record = RULE_OF[refusal.reason].mended_at(slot)
        if record is slot or not (page := page_of(record)):
            said.append(refusal.sentence)
        else:
            said.append(
                format_html(
                    '{} <a href="{}" class="text-link">{}</a>', refusal.sentence, page, record
                )
            )
    return said
