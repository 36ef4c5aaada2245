"""Every page that a role can reach: it opens, and reads in plain words to a screen reader."""

import re
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import resolve, reverse

from tests.practice.admin_world import LISTS, make_one_of_each
from workbench.staff import ADMINISTRATOR, AUDITOR, CLINICIAN, MANAGER, RECEPTIONIST, signed_in

pytestmark = pytest.mark.django_db

# What means something to whoever wrote this, and nothing to reception.
NOT_PLAIN = re.compile(
    r"pbkdf2|sha256|\bhash\b|\bspine\b"
    r"|select .{3,30} to change|\bobjects?\b|\bsuperuser"
    r"|\bHTTP\b|\bJSON\b|\bUUID\b|\bTrue\b|\bFalse\b|\bnull\b|foreign key|content type|\bslug\b"
    r"|\bLDAP\b|Single Sign-On|primary key|\bqueryset\b|\bboolean\b|\[\]|\{\}|\b(?:pk|id)=",
    re.IGNORECASE,
)
# There are groups of organisations, but what people may do is their role.
NOT_OF_ACCOUNTS = re.compile(r"(?<!consumer )\bgroups?\b", re.IGNORECASE)
# Of symbols that a font draws, the name is the text: a_name or one that says nothing to anybody.
SYMBOL = "material-symbols"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"}
UNREAD = {"script", "style", "template"}
ENOUGH = 150  # pages; more would mean that the walk goes round and round


class Reader(HTMLParser):
    """What a screen reader says of a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.links: list[str] = []
        self.symbols: list[str] = []
        self.open: list[tuple[str, bool, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        quiet = found.get("aria-hidden") == "true" or tag in UNREAD or self.is_quiet
        if not quiet:
            names = ("aria-label", "title", "placeholder", "alt")
            self.said += [found[name] for name in names if name in found]
            if tag == "input" and found.get("type") in {"submit", "button"}:
                self.said.append(found.get("value", ""))
        if tag not in VOID:
            self.open.append((tag, quiet, SYMBOL in found.get("class", "")))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self.is_quiet and data.strip():
            (self.symbols if self.open and self.open[-1][2] else self.said).append(data.strip())

    @property
    def is_quiet(self) -> bool:
        return bool(self.open) and self.open[-1][1]


def read(client: Client, address: str) -> tuple[int, Reader | None]:
    """Return how an address answers and, if with a page, what that says."""
    answer = client.get(address, follow=True)
    if answer.status_code != 200 or "text/html" not in answer.headers["Content-Type"]:
        return answer.status_code, None
    reader = Reader()
    reader.feed(answer.content.decode())
    return answer.status_code, reader


def is_not_plain(text: str, address: str) -> bool:
    """Whether a text says what only the makers of the site understand."""
    of_accounts = address.startswith("/admin/auth/")
    return bool(NOT_PLAIN.search(text) or (of_accounts and NOT_OF_ACCOUNTS.search(text)))


def kind_of(address: str) -> tuple[str, tuple[str, ...]]:
    """Name what an address leads to, whatever ids and days stand in it."""
    path, _, query = address.partition("?")
    names = sorted(set(re.findall(r"(?:^|&)(?:amp;)?(ask|view|change|what|kind|step)=", query)))
    return resolve(path).view_name, tuple(names)


def pages(client: Client) -> tuple[dict[str, Reader], dict[str, str]]:
    """Walk from the front page along the links, and read one page of each kind.

    And say which links led to no page: where each stood.
    """
    waiting, seen = [("/admin/", "")], set()
    found: dict[str, Reader] = {}
    closed: dict[str, str] = {}
    while waiting and len(found) < ENOUGH:
        address, page = waiting.pop(0)
        kind = kind_of(address)
        if kind in seen or kind[0] == "admin:logout":
            continue
        seen.add(kind)
        status, reader = read(client, address)
        if status >= 400:
            closed[address] = f"{status}, linked on {page}"
        if reader:
            found[address] = reader
            inside = [link.partition("#")[0] for link in reader.links]
            path = address.partition("?")[0]
            inside = [path + link if link.startswith("?") else link for link in inside]
            waiting += [(link, address) for link in inside if link.startswith("/admin/")]
    return found, closed


@pytest.mark.parametrize("role", [RECEPTIONIST, MANAGER, ADMINISTRATOR, AUDITOR, CLINICIAN])
def test_every_link_of_a_role_opens_and_no_page_says_what_only_its_makers_understand(
    practice, role
):
    make_one_of_each(practice.organisation)

    walked, closed = pages(
        signed_in(practice.organisation, role=role, password="a password of theirs")
    )

    assert len(walked) < ENOUGH
    assert closed == {}
    wrong = {
        address: sorted(
            {text[:100] for text in reader.said if is_not_plain(text, address)}
            | {f"symbol {name}" for name in reader.symbols}
        )
        for address, reader in walked.items()
    }
    wrong = {address: words for address, words in wrong.items() if words}
    assert wrong == {}


# What tells somebody that there is nothing, and not what to do about it.
BARE = {"None.", "Nothing.", "Nobody.", "Nothing", "Nobody", "None yet", "No results."}


def test_whatever_is_empty_says_what_to_do_next(practice):
    """Every page that a manager reaches of a practice at which nothing has happened yet."""
    client = signed_in(practice.organisation, role=MANAGER)

    walked, closed = pages(client)
    patient = reverse("admin:practice_patient_page", args=[practice.patient.pk])
    walked[patient] = read(client, patient)[1]
    lists = [reverse(f"admin:{name}_changelist") for name in LISTS]
    empty = {
        address: page
        for address in lists
        if "list-nothing" in (page := client.get(address).content.decode())
    }

    assert closed == {}
    bare = {address: BARE & set(reader.said) for address, reader in walked.items()}
    assert {address: said for address, said in bare.items() if said} == {}
    assert len(empty) >= 5
    next_steps = ("staff-button", "They appear here as soon as there are any")
    nowhere = [
        address
        for address, page in empty.items()
        if not any(step in page.split("list-nothing")[1].split("</main>")[0] for step in next_steps)
    ]
    assert nowhere == []
