"""What the tests of closing share: what a browser sends when somebody is off sick tomorrow."""

import re

from django.urls import reverse

from workbench.factories import tomorrow


def values(gp) -> dict:
    return {
        "kind": "sick",
        "name": "Clinician unwell",
        "practitioner": gp.pk,
        "location": "",
        "start_date": f"{tomorrow()}",
        "start_time": "",
        "end_date": f"{tomorrow()}",
        "end_time": "",
    }


def close(client, gp, **decisions):
    """Look at the impact, decide for each appointment, and confirm what was shown."""
    address = reverse("admin:practice_closure_add")
    shown = client.get(address, values(gp))
    digest = shown.context_data["plan"].digest
    return client.post(address, {**values(gp), "digest": digest, **decisions})


def text(response) -> str:
    return response.content.decode()


def offered(page: str, appointment) -> list[int]:
    """The ids of the slots that a page offers for an appointment: the suggested one first."""
    suggested = re.findall(rf'name="slot-{appointment.pk}" value="(\d+)"', page)
    others = re.findall(rf'name="what-{appointment.pk}" value="move-(\d+)"', page)
    return [int(pk) for pk in (*suggested, *others)]


def ticked(page: str, appointment) -> list[str]:
    """What is ticked for an appointment."""
    return re.findall(rf'name="what-{appointment.pk}" value="([^"]+)" checked', page)
