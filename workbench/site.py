"""The documents as a site: what `make docs` gives to MkDocs, and the reference of staff pages.

The documents are plain Markdown that links to files of the repository. ``lay_out`` puts them, and
every file that one of them links to, into a folder as they lie in the repository, so that each link
leads somewhere on the site too. What is no document becomes a text, which a browser shows.
"""

import re
import shutil
import sys
from pathlib import Path

from workbench.paths import ROOT

TREE = ROOT / "var" / "docs"
AT_THE_TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
SHOWN = {".md", ".png", ".svg"}
PAGES = "docs/reference/pages.md"
_LINK = re.compile(r"(\]\(|^\[[^\]\n]+\]: )(?!https?:|mailto:|#)([^)#\s]+)", re.MULTILINE)


def documents(root: Path = ROOT) -> list[Path]:
    """All pages of the site, from the top of the repository."""
    below = sorted((root / "docs").rglob("*.md"))
    return [*map(Path, AT_THE_TOP), *(path.relative_to(root) for path in below)]


def lay_out(root: Path = ROOT, tree: Path = TREE) -> None:
    """Put documents, pictures and the files that they link to into an empty folder."""
    shutil.rmtree(tree, ignore_errors=True)
    for name in documents(root):
        into = tree / name
        into.parent.mkdir(parents=True, exist_ok=True)

        def follow(link: re.Match[str], name: Path = name) -> str:
            linked = (root / name.parent / link[2]).resolve()
            if linked.suffix in SHOWN or not linked.is_file():
                return link[0]
            copy = tree / linked.relative_to(root).with_name(f"{linked.name}.txt")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(linked, copy)
            return f"{link[0]}.txt"

        text = (root / name).read_text(encoding="utf-8")
        into.write_text(_LINK.sub(follow, text), encoding="utf-8")
    if (root / "docs" / "pictures").is_dir():
        shutil.copytree(root / "docs" / "pictures", tree / "docs" / "pictures", dirs_exist_ok=True)


def staff_pages() -> str:
    """The page of reference about the staff's pages: the words of their own help."""
    from practice.site.help import TOPICS

    lines = [
        "# Pages for staff",
        "",
        "What each page is for, and its keys. These are the words of the product's own *Help*"
        " (`practice/site/help.py`,",
        "from which `make docs` makes this page). What to do, job by job, is in the guides for"
        " [practice staff](../guides/staff.md)",
        "and for [practice administrators](../guides/administrator.md).",
    ]
    for topic in TOPICS:
        lines += ["", f"## {topic.title}", "", "\n\n".join(topic.said)]
        if topic.keys:
            lines += ["", "| key | what it does |", "|---|---|"]
            lines += [f"| {key} | {does} |" for key, does in topic.keys]
    return "\n".join(lines) + "\n"


def main() -> None:
    (ROOT / PAGES).write_text(staff_pages(), encoding="utf-8")
    lay_out()
    sys.stdout.write(f"{len(documents())} documents in {TREE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
