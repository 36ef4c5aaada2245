"""The role that serves, as deploy/postgresql/rights.sql makes it: it owns nothing."""

import re
from pathlib import Path

from workbench.paths import ROOT

SERVING = "appointments"


def making(role: str = SERVING, *, root: Path = ROOT) -> list[str]:
    """The statements that make the role, unless it is there, and give it the rights of a tree."""
    rights = (root / "deploy" / "postgresql" / "rights.sql").read_text(encoding="utf-8")
    return [
        f"DO $$ BEGIN CREATE ROLE {role} LOGIN; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        re.sub(rf"\b{SERVING}\b", role, re.sub("(?m)^--.*$", "", rights)),
    ]


def served(url: str) -> str:
    """The URL of a database, as that role reaches it."""
    return re.sub(r"//[^@/]*@", f"//{SERVING}@", url)
