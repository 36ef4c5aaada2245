"""The words on each page of a PDF that Chromium has printed.

Enough for what Skia writes: objects as they stand, streams that are deflated or plain, fonts with a
table from their glyphs to characters. Spaces that are no glyphs are lost, so words are compared
without any.
"""

import re
import zlib

OBJECT = re.compile(rb"(?:^|\n)(\d+) 0 obj\s(.*?)\nendobj", re.DOTALL)
REFERENCE = rb"(\d+) 0 R"


def pages(pdf: bytes) -> list[str]:
    """Return the characters of each page, in the order in which they are drawn, without spaces."""
    objects = {int(number): body for number, body in OBJECT.findall(pdf)}
    found = []
    for number in in_order(objects):
        page = objects[number]
        fonts = {name: characters(objects, int(font)) for name, font in fonts_of(objects, page)}
        content = re.search(rb"/Contents " + REFERENCE, page)
        drawn = stream(objects[int(content[1])]) if content else b""
        found.append(words(drawn, fonts))
    return found


def in_order(objects: dict[int, bytes]) -> list[int]:
    """Return the numbers of the pages, in order."""
    catalogue = next(body for body in objects.values() if b"/Type /Catalog" in body)
    root = re.search(rb"/Pages " + REFERENCE, catalogue)
    assert root
    waiting, found = [int(root[1])], []
    while waiting:
        number = waiting.pop(0)
        kids = re.search(rb"/Kids \[(.*?)\]", objects[number], re.DOTALL)
        if kids:
            waiting = [int(kid) for kid in re.findall(REFERENCE, kids[1])] + waiting
        else:
            found.append(number)
    return found


def fonts_of(objects: dict[int, bytes], page: bytes) -> list[tuple[bytes, bytes]]:
    """Return what a page calls its fonts, and their numbers."""
    resources = re.search(rb"/Resources " + REFERENCE, page)
    body = objects[int(resources[1])] if resources else page
    named = re.search(rb"/Font\s*<<(.*?)>>", body, re.DOTALL)
    return re.findall(rb"/(\w+) " + REFERENCE, named[1]) if named else []


def stream(body: bytes) -> bytes:
    """Return what an object's stream holds."""
    said, _, data = body.partition(b"stream\n")
    data = data.removesuffix(b"\nendstream")
    return zlib.decompress(data) if b"/FlateDecode" in said else data


def characters(objects: dict[int, bytes], font: int) -> dict[str, str]:
    """Return which character each glyph of a font stands for, by its code in hexadecimals."""
    table = re.search(rb"/ToUnicode " + REFERENCE, objects[font])
    assert table, "a font that cannot be read"
    said = stream(objects[int(table[1])]).decode("ascii")
    found = {}
    for part in re.findall(r"beginbfchar(.*?)endbfchar", said, re.DOTALL):
        for glyph, value in re.findall(r"<(\w+)> <(\w+)>", part):
            found[glyph.upper()] = bytes.fromhex(value).decode("utf-16-be")
    for part in re.findall(r"beginbfrange(.*?)endbfrange", said, re.DOTALL):
        for first, last, value in re.findall(r"<(\w+)> <(\w+)> <(\w+)>", part):
            for offset in range(int(last, 16) - int(first, 16) + 1):
                glyph = f"{int(first, 16) + offset:0{len(first)}X}"
                found[glyph] = chr(int(value, 16) + offset)
    return found


DRAWN = re.compile(
    rb"/(?P<font>\w+) [\d.]+ Tf|<(?P<glyphs>[0-9A-Fa-f]+)> Tj|(?P<end>\bEMC)\b"
    rb"|/ActualText (?:\((?P<said>(?:\\.|[^\\)])*)\)|<(?P<coded>\w+)>)",
    re.DOTALL,
)


def words(drawn: bytes, fonts: dict[bytes, dict[str, str]]) -> str:
    """Return the characters that a page's stream draws; before some stands what they mean."""
    said: list[str] = []
    font: dict[str, str] = {}
    is_told = False
    for each in DRAWN.finditer(drawn):
        if each["font"]:
            font = fonts[each["font"]]
        elif each["end"]:
            is_told = False
        elif each["glyphs"]:
            width = len(next(iter(font)))
            text = "" if is_told else each["glyphs"].decode("ascii").upper()
            said += [font.get(text[at : at + width], "") for at in range(0, len(text), width)]
        else:
            is_told = True
            said.append(meant(each["said"], each["coded"]))
    return "".join("".join(said).split())


def meant(literal: bytes | None, coded: bytes | None) -> str:
    """Return what a string of a PDF says: letters of Latin-1, or UTF-16 with its mark."""
    if coded is not None:
        raw = bytes.fromhex(coded.decode("ascii"))
    else:
        raw = re.sub(rb"\\(.)", rb"\1", literal or b"")
    return raw.decode("utf-16") if raw.startswith(b"\xfe\xff") else raw.decode("latin-1")
