"""Who calls, and whom."""

from dataclasses import dataclass, field

ODS_CODE = "https://fhir.nhs.uk/Id/ods-organization-code"
SDS_USER_ID = "https://fhir.nhs.uk/Id/sds-user-id"
SDS_ROLE_PROFILE_ID = "https://fhir.nhs.uk/Id/sds-role-profile-id"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
UNKNOWN = "UNK"  # of a user without a smartcard (JWT-046)


@dataclass(frozen=True)
class Organisation:
    """The organisation in which the user works.

    ``type`` is a code of GPConnect-OrganisationType-1 such as "urgent-care": with ``ods_code`` it
    decides which slots a practice shows; both go into searches and bookings.
    """

    ods_code: str
    name: str
    type: str = ""
    telephone: str = ""


@dataclass(frozen=True)
class User:
    """The person at the screen: never a system (JWT-048). ``id`` is your own system's for them.

    ``local_id``, if they have another with you, and ``local_system`` say who they are there.
    """

    id: str
    family: str
    given: str
    prefix: str = ""
    sds_user_id: str = UNKNOWN
    sds_role_profile_id: str = UNKNOWN
    local_system: str = "https://consumer.example/Id/user"
    local_id: str = ""


@dataclass(frozen=True)
class Device:
    """The system that calls: product, version, and which installation of it."""

    value: str
    model: str
    version: str
    system: str = "https://consumer.example/Id/device"


@dataclass(frozen=True)
class Identity:
    """Who calls: it goes into every token and header. ``issuer`` is the address of your system."""

    asid: str
    organisation: Organisation
    user: User
    device: Device
    issuer: str = "https://consumer.example/"


@dataclass(frozen=True)
class Provider:
    """Whom to call: a practice's service root, and the ASID of its system.

    ``root`` is as registered in SDS, ".../Y99001/STU3/1/gpconnect". ``through`` is the address of
    a proxy before which the root is put, as the Spine's is: "https://proxy/" + root.
    """

    root: str
    asid: str
    ods_code: str = ""
    name: str = ""
    through: str = field(default="", kw_only=True)

    @property
    def audience(self) -> str:
        """The service root without a slash at its end: ``aud`` of a token."""
        return self.root.rstrip("/")

    @property
    def address(self) -> str:
        """Where requests go, without a slash at its end."""
        return f"{self.through.rstrip('/')}/{self.audience}" if self.through else self.audience

    def __str__(self) -> str:
        return self.name or self.ods_code or self.audience
