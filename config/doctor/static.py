"""Whether what pages load is there, and is that of this version of the code."""

import sys
from datetime import datetime

from django.conf import settings

from config import static_files
from config.doctor import commands
from config.doctor.findings import Answers, Finding, Installation, some_of

SHOWN = 3


def files_of_this_version(installation: Installation, now: datetime) -> Answers:
    """Everything that ``collectstatic`` would put there, letter for letter."""
    wrong = static_files.amiss()
    if not wrong:
        return
    if wrong == [static_files.MANIFEST]:
        what = "The static files were never collected: staff's pages have no styles and no scripts."
    else:
        named = some_of(wrong, SHOWN)
        what = f"Static files are missing, or are those of another version: {named}."
    yield Finding(
        id="static.amiss",
        what=what,
        where=f"the folder {settings.STATIC_ROOT}",
        remedy="Collect them again, as whoever owns the code, and restart web.",
        command=f"{sys.executable} {settings.BASE_DIR}/manage.py collectstatic --noinput\n"
        + commands.restart("web"),
    )
