"""What does not keep a rule of the house yet, by rule: a list that only becomes shorter."""

# ruff: noqa: E501 - a name stands on one line

STILL: dict[str, set[str]] = {}
