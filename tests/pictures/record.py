"""``docs/pictures/pictures.json``: of what each picture was drawn, and whether that still holds."""

import hashlib
import json
from typing import Any

from django.conf import settings
from django.test import Client
from lxml import html

from tests.pictures import digests
from tests.pictures.shown import Picture
from tests.pictures.world import World

FOLDER = settings.BASE_DIR / "docs" / "pictures"
RECORD = FOLDER / "pictures.json"

Record = dict[str, dict[str, str]]


def recorded() -> Record:
    """What the record says; nothing, where there is none yet."""
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}


def write(record: Record) -> None:
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def now_shown(picture: Picture, world: World) -> dict[str, str]:
    """The digests of what the picture's addresses answer now."""
    client = Client()
    client.force_login(world.user(picture.user)) if picture.user else None
    pages = []
    for address in picture.addresses(world):
        answer: Any = client.get(address)
        assert answer.status_code == 200, f"{picture.file}: {address} answers {answer.status_code}"
        pages.append(region(html.fromstring(answer.content.decode()), picture))
    return digests.of_pages(pages, scripted=picture.scripted)


def region(page: html.HtmlElement, picture: Picture) -> html.HtmlElement:
    """The part of a page that its picture shows."""
    if picture.whole:
        return page.find("body")
    found = page.get_element_by_id("main", None)
    return page if found is None else found


def of_file(picture: Picture) -> str:
    """The digest of the picture itself; empty: there is none."""
    path = FOLDER / picture.file
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""
