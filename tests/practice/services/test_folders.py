"""A folder that one run has for itself."""

import pytest

from practice.exceptions import ArchiveRefused
from practice.services.folders import own_folder, settle


def test_a_folder_is_made_for_its_owner_and_is_free_again_after_a_failure(tmp_path):
    home = tmp_path / "a" / "b"
    with pytest.raises(ZeroDivisionError), own_folder(home, ArchiveRefused):
        raise ZeroDivisionError

    with own_folder(home, ArchiveRefused) as found:
        settle(found)
        with (
            pytest.raises(ArchiveRefused, match="another run writes there"),
            own_folder(home, ArchiveRefused),
        ):
            pass

    assert home.stat().st_mode & 0o777 == 0o700
