"""What the pages of staff look like and can do: one style sheet and one script, named by content.

``collectstatic`` joins the parts and names each file after what stands in it, so that a browser
keeps it for good: a change is another name. Where nothing was collected (a trial, the tests) a page
names the parts themselves, in the same order.
"""

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.base import ContentFile
from django.http import HttpRequest
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Unfold's own are in a layer, so that ours count for more wherever they stand. Of its scripts the
# charts are left out: no page has one.
STYLES = (
    "unfold/fonts/inter/styles.css",
    "unfold/fonts/material-symbols/styles.css",
    "practice/colours.css",
    "practice/theme.css",
    "practice/components.css",
    "practice/site.css",
    "practice/lists.css",
    "practice/sign_in.css",
    "unfold/css/styles.css",
    "unfold/css/simplebar/simplebar.css",
)
# Alpine begins as soon as it is there: after what it asks for.
SCRIPTS = (
    "unfold/js/alpine/alpine.anchor.js",
    "unfold/js/alpine/alpine.persist.js",
    "unfold/js/alpine/alpine.sort.js",
    "unfold/js/alpine/alpine.resize.js",
    "unfold/js/htmx/htmx.js",
    "practice/security.js",
    "practice/staff.js",
    "practice/typed.js",
    "unfold/js/app.js",
    "unfold/js/alpine/alpine.js",
    "unfold/js/simplebar/simplebar.js",
)
BUNDLES = {"pages.css": STYLES, "pages.js": SCRIPTS}


class Storage(CompressedManifestStaticFilesStorage):
    """Files by the name of their content; by their own name where nobody has collected them."""

    def stored_name(self, name: str) -> str:
        return super().stored_name(name) if self.hashed_files else name

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Any:
        if not dry_run:
            for bundle, parts in BUNDLES.items():
                self.delete(bundle)
                self._save(bundle, ContentFile("\n".join(map(self.part, parts)).encode()))
                paths[bundle] = (self, bundle)
        yield from super().post_process(paths, dry_run, **options)

    def part(self, name: str) -> str:
        """Return a file as a part of a bundle, which stands in the root of all files."""
        with self.open(name) as file:
            text = re.sub(r"(?m)^.*sourceMappingURL=.*$", "", file.read().decode())
        if name.endswith(".js"):
            return f"{text}\n;"
        folder = posixpath.dirname(name)
        return re.sub(
            r"url\((['\"]?)(?!data:|/|#)([^'\")]+)\1\)",
            lambda found: f'url("{posixpath.normpath(posixpath.join(folder, found[2]))}")',
            text,
        )


def addresses(bundle: str) -> list[str]:
    """Return where a page finds a bundle: itself, or each of its parts."""
    collected = not settings.DEBUG and bundle in getattr(staticfiles_storage, "hashed_files", {})
    return [staticfiles_storage.url(name) for name in ([bundle] if collected else BUNDLES[bundle])]


def for_pages(request: HttpRequest) -> dict[str, Any]:
    """Return what every page of the site loads (Unfold asks for it)."""
    return {"styles": addresses("pages.css"), "scripts": addresses("pages.js")}


def amiss() -> list[str]:
    """Return the files that pages ask for and that are not served as this version has them.

    By their own names; all of them, with the list's, where nothing was collected.
    """
    root = Path(settings.STATIC_ROOT)
    try:
        named: dict[str, str] = json.loads((root / MANIFEST).read_text())["paths"]
    except (OSError, ValueError, KeyError):
        return [MANIFEST]
    wrong = {bundle for bundle in BUNDLES if not _is_served(root, named, bundle)}
    sources = dict[str, Path]()
    for finder in get_finders():
        for path, storage in finder.list([]):
            name = posixpath.join(getattr(storage, "prefix", None) or "", path)
            sources.setdefault(name, Path(storage.path(path)))  # of several the first is taken
    for name, source in sources.items():
        if not _is_served(root, named, name) or not _is_same(source, root / name):
            wrong.add(name)
    return sorted(wrong)


MANIFEST = Storage.manifest_name


def _is_served(root: Path, named: dict[str, str], name: str) -> bool:
    return name in named and (root / named[name]).is_file()


def _is_same(source: Path, collected: Path) -> bool:
    try:
        return (
            source.stat().st_size == collected.stat().st_size
            and source.read_bytes() == collected.read_bytes()
        )
    except OSError:
        return False
