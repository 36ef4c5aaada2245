"""No NHS number is in a log line, and people and machines are told the same."""

import json
import logging

import pytest

from config import logs

NHS_NUMBER = "9476719931"


@pytest.mark.req("SEC-023")
@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (NHS_NUMBER, "[NHS number]"),
        ("947 671 9931", "[NHS number]"),
        ("947-671-9931", "[NHS number]"),
        (f"GET /Patient?identifier=nhs-number%7C{NHS_NUMBER}&x", None),
        (f"nhs-number%20{NHS_NUMBER}", None),
        (f"nhs-number|{NHS_NUMBER},", None),
        (f"NHS{NHS_NUMBER}", None),
        ("9476719932", "9476719932"),  # its check digit is wrong
        ("200000000115", "200000000115"),  # an ASID
        (f"1{NHS_NUMBER}", f"1{NHS_NUMBER}"),  # eleven digits
        ("947 671-9931", "947 671-9931"),
    ],
)
def test_valid_nhs_numbers_are_masked_wherever_they_stand(text, masked):
    expected = masked or text.replace(NHS_NUMBER, "[NHS number]")

    assert logs.mask(text) == expected


@pytest.mark.req("SEC-023")
def test_message_arguments_and_exceptions_are_masked(lines):
    logger = logging.getLogger("test")
    logger.warning("patient %s, %r, %d", NHS_NUMBER, {"n": NHS_NUMBER}, int(NHS_NUMBER))
    logger.warning("%d does not fit", NHS_NUMBER)
    try:
        raise ValueError(f"no patient {NHS_NUMBER}")
    except ValueError:
        logger.exception("failed", extra={"fields": {"about": NHS_NUMBER}})

    first, second, third = lines()
    assert first["message"] == "patient [NHS number], {'n': '[NHS number]'}, [NHS number]"
    assert "does not fit" in second["message"]
    assert "ValueError: no patient [NHS number]" in third["exception"]
    assert third["about"] == "[NHS number]"
    assert NHS_NUMBER not in json.dumps(lines())


def test_lines_for_people_say_the_same():
    record = logging.LogRecord("config.requests", logging.INFO, "", 1, "GET 200", (), None)
    record.fields = {"practice": "A1", "code": "", "duration_ms": 1.5}

    line = logs.LineFormatter().format(record)

    assert line.endswith("INFO config.requests GET 200 practice=A1 duration_ms=1.5")


def test_django_has_no_handler_that_would_not_mask():
    for name in ("", "django", "django.request", "django.server", "practice.audit"):
        for handler in logging.getLogger(name).handlers:
            if type(handler).__module__.startswith("_pytest"):
                continue
            assert [type(each) for each in handler.filters] == [
                logs.HideAddresses,
                logs.MaskNHSNumbers,
            ]
