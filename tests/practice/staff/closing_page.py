"""What the tests of closing share: what a browser sends when somebody is off sick tomorrow."""

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
