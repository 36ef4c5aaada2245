"""Templates, closures and generation runs in words: for their lists and for their pages."""

from datetime import time
from typing import Any

from practice.models import Closure, GenerationRun, SessionTemplate, TemplateBlock
from practice.site.fields import weekdays_in_words


def block_minutes(start: time, end: time) -> int:
    """Return how long a block lasts; one that ends at or before its start ends on the next day."""
    minutes = (end.hour * 60 + end.minute) - (start.hour * 60 + start.minute)
    return minutes if minutes > 0 else minutes + 24 * 60


def slots_in(block: TemplateBlock) -> int:
    """Return how many slots a block makes on a day without a clock change."""
    fitting = block_minutes(block.start, block.end) // (block.slot_minutes or 1)
    return min(fitting, block.slot_count or fitting)


def days_in_words(template: SessionTemplate) -> str:
    """Return on which days a template runs: Mon to Fri, or Wed, every 2 weeks."""
    days = weekdays_in_words(template.weekdays)
    if template.nth_of_month:
        return f"{template.get_nth_of_month_display()} {days} of the month"
    if template.every_n_weeks > 1:
        return f"{days}, every {template.every_n_weeks} weeks"
    return days


def closure_in_words(closure: Closure) -> str:
    """Return when a closure is: Mon 28 Dec 2026, or Mon 28 Dec 2026 13:00 to 18:30."""
    first, last = f"{closure.start_date:%a %d %b %Y}", f"{closure.end_date:%a %d %b %Y}"
    start = f" {closure.start_time:%H:%M}" if closure.start_time else ""
    end = f" {closure.end_time:%H:%M}" if closure.end_time else ""
    if closure.start_date != closure.end_date:
        return f"{first}{start} to {last}{end}"
    if start and end:
        return f"{first}{start} to{end}"
    if start:
        return f"{first} from{start}"
    return f"{first} until{end}" if end else first


def run_in_words(run: GenerationRun) -> str:
    """Return what a run did, with the numbers first."""
    counts = [
        (run.sessions_created, "sessions created"),
        (run.slots_created, "slots created"),
        (run.slots_changed, "changed"),
        (run.slots_restored, "restored"),
        (run.slots_withdrawn, "withdrawn"),
        (run.slots_left, "left as they are"),
        (run.appointments_orphaned, "appointments orphaned"),
        (len(run.skipped), "skipped"),
    ]
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "Nothing to change"


def skipped_in_words(run: GenerationRun) -> list[str]:
    """Return what a run skipped and why, however it wrote that down."""
    return [in_one_sentence(item) for item in run.skipped]


def in_one_sentence(item: Any) -> str:
    return ", ".join(map(str, item.values())) if isinstance(item, dict) else str(item)
