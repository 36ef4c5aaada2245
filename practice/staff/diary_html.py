"""The columns of the diary as HTML: hundreds of blocks, so without a template.

A template takes ten times as long for a block as putting its words together does. What people have
written is escaped here, each once. A block says nothing twice: its address is a short one beside
that of the diary (practice.staff.urls), and what HTML lets one leave out is left out.
"""

from html import escape

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from practice.staff.diary_layout import ONE_LINE, Axis, Block, Strip

Links = list[tuple[str, str]]


def column(strip: Strip, *, more: str = "", swap: bool = False) -> SafeString:
    """Return a whole column; ``swap``: to be put in the place of the one that is there (htmx).

    ``more`` is the address of what its heading leads to.
    """
    key = strip.key
    lines = "".join(f"<p>{escape(line)}</p>" for line in strip.lines)
    now_line = f'<div class="now-line {strip.now_at}" data-now></div>' if strip.now_at else ""
    about = " · ".join(strip.lines)
    oob = ' hx-swap-oob="true"' if swap else ""
    return mark_safe(  # noqa: S308 # nosec B308 B703 - what people have written is escaped
        f'<section class="diary-column" id="column-{key}" aria-labelledby="title-{key}"'
        f' data-version="{strip.version}.{strip.hidden}"{oob}>'
        f'<div class="diary-head"><h3 id="title-{key}" tabindex="-1"'
        f' title="{escape(about)}">{escape(strip.title)}</h3>'
        f'<p class="diary-counts">{counts(strip)}</p>{away(strip)}{lines}'
        f"{menu(strip.title, more)}</div>"
        f'<div class="diary-body"><ol>{"".join(map(cell, strip.blocks))}</ol>{now_line}</div>'
        "</section>"
    )


def counts(strip: Strip) -> str:
    """Return how many slots are free, and how many people wait if any does: there is no room."""
    waiting = f", <b>{strip.waiting}</b> waiting" if strip.waiting else ""
    return f"<b>{strip.free}</b> free{waiting}"


def away(strip: Strip) -> str:
    """Return that the session holder is not there, with the way to whom to ring."""
    if strip.away is None:
        return ""
    page = reverse("admin:practice_closure_change", args=[strip.away.pk])
    kind = escape(strip.away.words.partition(":")[0])
    ring = f"{strip.away.to_ring} to ring" if strip.away.to_ring else "closure"
    return f'<p class="diary-away"><b>{kind}</b>, <a class="text-link" href="{page}">{ring}</a></p>'


def menu(title: str, address: str) -> str:
    """Return the menu of a heading: what is in it is fetched when it opens, else a page of its own.

    With the links of every column a day would weigh 15 kB more.
    """
    if not address:
        return ""
    return (
        f'<details class="diary-menu no-print"><summary aria-label="More for {escape(title)}">•••'
        f"</summary>{menu_items([('What can be done…', address)])}</details>"
    )


def menu_items(links: Links) -> SafeString:
    """Return what stands in a menu: words, and where they lead."""
    items = "".join(
        f'<li><a href="{escape(address)}">{escape(words)}</a>' for words, address in links
    )
    return mark_safe(f"<ul>{items}</ul>")  # noqa: S308 # nosec B308 B703 - escaped


def cell(block: Block) -> str:
    """Return a block in its place, or the name of a session above it."""
    if not block.url:
        state = f" ({escape(block.state)})" if block.state else ""
        return (
            f'<li class="{block.classes}"><b>{escape(block.heading)}</b>{state}'
            f' <span class="times">{block.time}</span>'
        )
    gpc = ""
    if block.gp_connect:
        by = f' title="GP Connect, {escape(block.booked_by)}"' if block.booked_by else ""
        gpc = f" <abbr{by}>GPC</abbr>"
    rest = escape(block.detail)
    if block.state:
        rest = f"<em>{escape(block.state)}</em> · {rest}"
    if (gpc and block.state) or ONE_LINE in block.classes:
        rest = f"<span>{rest}</span>"  # something may stand in its place: a mark, or nothing
    return (
        f'<li class="{block.classes}"><a id={block.key} href={block.url}><b>'
        f"<i>{block.time}</i> {escape(block.heading)}</b>{gpc} {rest}</a>"
    )


def marks(axis: Axis) -> SafeString:
    """Return the times at the left."""
    return mark_safe(  # noqa: S308 # nosec B308 B703 - numbers
        "".join(f'<li class="{classes}">{words}</li>' for classes, words in axis.marks)
    )
