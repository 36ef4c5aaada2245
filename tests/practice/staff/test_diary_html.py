"""The columns of the diary as HTML: what people have written stays text."""

from practice.staff.diary_html import cell, column
from practice.staff.diary_layout import Block, Strip

EVIL = '<b title="x">&'


def test_what_people_have_written_is_escaped():
    block = Block(
        "entry", EVIL, key="slot-1", url="/x/", detail=EVIL, gp_connect=True, booked_by=EVIL
    )
    session = Block("session", EVIL)
    strip = Strip("holder-1", EVIL, [EVIL], [block, session])

    html = column(strip)

    assert EVIL not in html
    assert html.count("&lt;b title=&quot;x&quot;&gt;&amp;") == 7


def test_a_block_is_a_link_and_the_name_of_a_session_is_none():
    assert "href=/x/" in cell(Block("entry", "Free", key="slot-1", url="/x/"))
    assert "href" not in cell(Block("session", "Morning surgery"))
