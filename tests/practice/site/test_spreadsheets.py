"""Files for a spreadsheet."""

from practice.site.spreadsheets import spreadsheet


def test_a_cell_is_never_a_formula_and_letters_stay_what_they_are():
    answer = spreadsheet("list.csv", [("Name", "Number"), ("=1+1", 2), ("Zoë", "a,b")])

    assert answer["Content-Disposition"] == 'attachment; filename="list.csv"'
    text = answer.content.decode("utf-8-sig")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert text.splitlines()[0] == "Name,Number"
    assert not text.splitlines()[1].startswith("=")
    assert text.splitlines()[2] == 'Zoë,"a,b"'
