"""Templates lose the spaces that indent them, and nothing else."""

from django.template import engines
from django.template.loader import get_template

from config.templates import FilesystemLoader


def test_lines_stay_lines_without_what_indents_them(tmp_path):
    written = "<ul>\n    <li>a  b</li>\n\n\t<li>{{ x }}</li>\n</ul>\n"
    (tmp_path / "page.html").write_text(written)
    (tmp_path / "page.txt").write_text(written)
    loader = FilesystemLoader(engines["django"].engine, [tmp_path])

    page, text = (
        loader.get_contents(next(iter(loader.get_template_sources(f"page.{kind}"))))
        for kind in ("html", "txt")
    )

    assert page == "<ul>\n<li>a  b</li>\n\n<li>{{ x }}</li>\n</ul>\n"
    assert text == written


def test_our_own_templates_and_those_of_applications_are_found():
    assert get_template("staff/base.html")
    assert get_template("unfold/helpers/theme_switch.html")
