"""NHS numbers: ten digits, the last of which is a modulus 11 check digit."""

from django.core.exceptions import ValidationError


def is_valid(number: str) -> bool:
    """Tell whether a text is a well-formed NHS number, without spaces."""
    if len(number) != 10 or not number.isascii() or not number.isdigit():
        return False
    weighted = sum(
        int(digit) * weight for digit, weight in zip(number, range(10, 1, -1), strict=False)
    )
    check = 11 - weighted % 11
    return check != 10 and int(number[9]) == check % 11


def validate(number: str) -> None:
    """Refuse a mistyped number in a form, in words for a receptionist."""
    if not is_valid(number):
        raise ValidationError("This is not an NHS number: ten digits, the last one a check digit.")


NOT_KNOWN = "not known"


def spaced(number: str | None) -> str:
    """Return the number as people read it: 999 012 3456; or that there is none yet."""
    return f"{number[:3]} {number[3:6]} {number[6:]}" if number else NOT_KNOWN
