"""workbench.who_answers, in a process that does not start until a file is there."""

import os
import time
from pathlib import Path

from workbench.who_answers import application as application

while not Path(os.environ["MAY_START"]).exists():
    time.sleep(0.01)
