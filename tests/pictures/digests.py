"""What tells whether a page still looks as on its picture, without drawing it.

Two machines draw the same page with other fonts, so pixels say little. What a page says, what it
is built of, and which of our styles apply to that say more, and are read in a moment:

- words: every text that can be seen, what stands in fields included;
- structure: the elements in their order with their classes, and their state (checked, open, ...);
- styles: of our own style sheets the rules whose classes, ids and elements are all on the page, and
  the values of the theme that these use. So a change of the template builder's colours leaves the
  picture of the diary as it is. Of Unfold's styles its version.

What differs from one run to the next is in none of them: ids of records, addresses, tokens, nonces,
names of files. What scripts do with a page is not seen either; `make pictures` draws it.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from lxml import html

SHEETS = settings.BASE_DIR / "practice" / "static" / "practice"
STATES = ("type", "placeholder", "checked", "selected", "disabled", "open", "colspan", "rowspan")
LONG_TOKEN = re.compile(r"[\w=+/.-]{40,}|[0-9a-f]{8}-[0-9a-f-]{27}")
IN_ADDRESS = re.compile(r"(?<=/)\d+\b")

Parts = dict[str, str]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_pages(pages: Iterable[html.HtmlElement], *, scripted: Iterable[str] = ()) -> Parts:
    """The digests of what a picture shows: a page, and what a script of it fetches.

    ``scripted``: what besides is drawn under, such as ``.new``, because a script says so.
    """
    pages = list(pages)
    for page in pages:
        for gone in [each for each in page.iter() if is_unseen(each)]:
            gone.drop_tree()
    return {
        "words": digest("\n".join(word for page in pages for word in words(page))),
        "structure": digest("\n".join(line for page in pages for line in structure(page))),
        "styles": digest("\n".join([version("django-unfold"), *styles(pages, scripted)])),
    }


def is_unseen(element: html.HtmlElement) -> bool:
    """Whether nobody sees an element, or what is in it."""
    if not isinstance(element.tag, str):
        return True  # a comment
    return (
        element.tag in {"script", "style", "template", "datalist"}
        or "hidden" in element.attrib
        or (element.tag == "dialog" and "open" not in element.attrib)
        or (element.tag == "input" and element.get("type") == "hidden")
        or (element.tag == "option" and not is_shown(element))
    )


def is_shown(option: html.HtmlElement) -> bool:
    """Whether an option is the one that a closed list shows."""
    of_list = next(option.iterancestors("select"), None)
    if of_list is None:
        return False  # of a list that opens while somebody types
    options = list(of_list.iter("option"))
    return option in ([each for each in options if "selected" in each.attrib] or options[:1])


def words(page: html.HtmlElement) -> Iterator[str]:
    """What can be read on a page, in its order."""
    for element in page.iter():
        texts = [element.text, element.get("placeholder")]
        texts += [element.get("value")] if element.tag in {"input", "button"} else []
        yield from map(plain, filter(None, texts))
        yield from map(plain, filter(None, [element.tail]))


def plain(text: str) -> str:
    text = " ".join(text.split())
    return IN_ADDRESS.sub("#", LONG_TOKEN.sub("#", text))


def structure(page: html.HtmlElement) -> Iterator[str]:
    """Of what a page is built: a line for each element."""
    for element in page.iter():
        states = [f"{name}={element.get(name)}" for name in STATES if name in element.attrib]
        depth = sum(1 for _ in element.iterancestors())
        yield " ".join([f"{depth} {element.tag}", *sorted(classes(element)), *states])


def classes(element: html.HtmlElement) -> set[str]:
    return set(element.get("class", "").split())


# ---------------------------------------------------------------- style sheets


def styles(pages: list[html.HtmlElement], scripted: Iterable[str]) -> Iterator[str]:
    """The rules of our style sheets that apply to something of the pages; values of the theme."""
    known = {"html", "body", ":root", "*", *scripted}
    for page in pages:
        for element in page.iter():
            known |= {element.tag} | {f".{name}" for name in classes(element)}
            known |= {f"#{element.get('id')}"}
    found = [
        (selector, said)
        for sheet in sorted(SHEETS.glob("*.css"))
        for selector, said in rules(sheet)
        if any(parts(each) <= known for each in alternatives(selector))
    ]
    values = [(s, one) for s, said in found for one in said if one.startswith("--")]
    used = [(s, one) for s, said in found for one in said if not one.startswith("--")]
    while True:
        text = " ".join(one for _, one in used)
        more = [each for each in values if f"var({each[1].split(':')[0]}" in text]
        more = [each for each in more if each not in used]
        if not more:
            break
        used += more
    for selector, one in used:
        yield f"{selector} {one}"


def rules(sheet: Path) -> Iterator[tuple[str, list[str]]]:
    """Each rule of a sheet that a screen shows: its selector, and what it says."""
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from rules_in(text)


def rules_in(text: str) -> Iterator[tuple[str, list[str]]]:
    start = 0
    while (opening := text.find("{", start)) >= 0:
        depth, end = 1, opening + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        head, body = " ".join(text[start:opening].split()), text[opening + 1 : end - 1]
        start = end
        if head.startswith(("@media", "@supports", "@container", "@layer")):
            if not re.match(r"@media.*\bprint\b", head):
                yield from ((f"{head} {s}", said) for s, said in rules_in(body))
        else:
            said = [" ".join(one.split()) for one in body.split(";") if one.strip()]
            yield head, said


def alternatives(selector: str) -> list[str]:
    """The selectors of a rule, between commas outside of brackets."""
    selector = re.sub(r"^(@\S+ .*\)) ", "", selector)
    return re.split(r",\s*(?![^()]*\))", selector)


def parts(selector: str) -> set[str]:
    """The classes, ids and elements that must be there for a selector to match anything."""
    bare = re.sub(r"\[[^]]*\]|:(is|not|has|where|nth-\w+)\((?:[^()]|\([^()]*\))*\)", " ", selector)
    bare = re.sub(r"::?(?!root)[\w-]+(\([^)]*\))?", " ", bare)
    return set(re.findall(r"[.#]?[a-zA-Z][\w-]*|:root", bare))
