"""British times as a diary writes them: 24 hours, and the day of the week where it helps."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "D j M Y, H:i"
