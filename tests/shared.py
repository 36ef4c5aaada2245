"""Where the published specification data lies: ``shared/`` beside the checkout, or elsewhere.

``GPCONNECT_SHARED`` names another folder. Tests that need the data carry ``needs_shared``: without
it they are skipped, and the report's header and summary say so.
"""

import os
from pathlib import Path

import pytest

from workbench.paths import ROOT

GPCONNECT = Path(os.environ.get("GPCONNECT_SHARED") or ROOT.parent / "shared") / "gpconnect"

MISSING = f"SKIPPED: no published specification data in {GPCONNECT} (set GPCONNECT_SHARED)"
needs_shared = pytest.mark.skipif(not GPCONNECT.is_dir(), reason=MISSING)
