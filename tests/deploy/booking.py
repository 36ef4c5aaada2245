"""Run inside an installation, with its Python: books through nginx, as another organisation does.

python booking.py book ADDRESS ASID NHS_NUMBER      prints the appointment's id
python booking.py read ADDRESS ASID ID              prints its status and description
"""

import sys
from datetime import timedelta

from consumer import times
from consumer.client import Client
from consumer.identity import Device, Identity, Organisation, Provider, User
from consumer.transport import Limits, Transport, tls

TLS = "/etc/appointments/tls"


def main(what: str, address: str, asid: str, wanted: str) -> None:
    me = Identity(
        asid="200000000115",
        organisation=Organisation("A1001", "Trial call centre", "urgent-care", "0113 496 0111"),
        user=User("10019", "Handler", "Jane", "Miss"),
        device=Device("TRIAL-1", "Trial", "1"),
    )
    practice = Provider(address, asid=asid)
    trusted = tls(
        certificate=f"{TLS}/client.pem", key=f"{TLS}/client.key", authority=f"{TLS}/authority.pem"
    )
    with Client(me, transport=Transport(Limits(connect=5, total=30), tls=trusted)) as client:
        if what == "read":
            found = client.read_appointment(practice, wanted)
            print(found.status, found.description)
            return
        today = times.today()
        slots = client.search(practice, today, today + timedelta(days=13)).slots
        patient = client.find_patient(practice, wanted)
        assert patient is not None, "the practice does not know its patient"
        booked = client.book(practice, patient.id, slots[:1], description="Cough for a week")
        print(booked.id)


if __name__ == "__main__":
    main(*sys.argv[1:])
