"""Who calls in these tests, and our own practice as they reach it."""

from consumer.identity import Device, Identity, Organisation, Provider, User

ME = Identity(
    "200000000115",
    Organisation("A1001", "Trial call centre", "urgent-care", "0113 496 0111"),
    User("10019", "Handler", "Jane", "Miss", "111222333444"),
    Device("TRIAL-1", "Trial", "1"),
)


def provider(address, organisation):
    """The provider that an organisation of ours is, at a server's address."""
    root = f"{address}/{organisation.ods_code}/STU3/1/gpconnect"
    return Provider(root, organisation.asid, organisation.ods_code, organisation.name)
