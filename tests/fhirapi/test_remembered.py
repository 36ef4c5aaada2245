"""What is remembered of long things that are sent again."""

from fhirapi.remembered import Remembered


def test_the_last_things_are_remembered_and_only_by_their_digests():
    known: Remembered[int] = Remembered(most=3)

    for number in range(9):
        digest, found = known.get(b"a long thing %d" % number)
        assert found is None
        known.keep(digest, number)

    assert [known.get(b"a long thing %d" % number)[1] for number in (5, 6, 7, 8)] == [None, 6, 7, 8]
    assert {len(digest) for digest in known.kept} == {32}


def test_what_is_known_can_change_without_anything_being_forgotten():
    known: Remembered[int] = Remembered(most=2)
    first, _ = known.get(b"1")
    second, _ = known.get(b"2")

    for found in (1, 2, 3):
        known.keep(first, found)
        known.keep(second, found)

    assert known.get(b"2") == (second, 3)
