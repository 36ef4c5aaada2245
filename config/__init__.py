"""What this installation runs with, and which version of the software it is.

The version stands here alone: pyproject.toml, the capability statement, bills of materials and what
`make release` builds read it. The client, which goes elsewhere by itself, has it once more in
``consumer/__init__.py``; a test holds the two together.
"""

VERSION = "1.0.0"
RELEASED = "2026-11-29"
