"""Every page has its topic of help."""

from collections.abc import Iterator

from django.urls import URLResolver, get_resolver

from practice.site.help import TOPICS, topic_of

# What nobody looks at: answers to scripts, files, what leads on, and the way in and out.
NO_PAGES = {
    *("live", "stay", "diary_changes", "worklist_changes", "front_page_changes", "sheet_progress"),
    "rehearsal_changes",
    *("search", "autocomplete", "jsi18n", "view_on_site", "login", "logout"),
}


def names(resolver: URLResolver) -> Iterator[str]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from names(each)
        elif each.name:
            yield each.name


def pages() -> set[str]:
    """The names of all pages below /admin/."""
    site = next(
        each
        for each in get_resolver().url_patterns
        if isinstance(each, URLResolver) and each.namespace == "admin"
    )
    return set(names(site)) - NO_PAGES


def test_every_page_has_its_topic():
    assert {page for page in pages() if topic_of(page) is None} == set()


def test_every_topic_is_of_a_page_and_of_one_only():
    named = [page for topic in TOPICS for page in topic.pages]

    assert len(named) == len(set(named))
    known = pages()
    models = {page.rpartition("_")[0] for page in known}
    assert set(named) - known - models == set()
