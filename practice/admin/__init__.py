"""The admin site, by the same themes as the models."""

from practice.admin import (
    access,
    audit,
    booking,
    diary,
    directory,
    elsewhere,
    patients,
    templates,
    users,
)

__all__ = [
    "access",
    "audit",
    "booking",
    "diary",
    "directory",
    "elsewhere",
    "patients",
    "templates",
    "users",
]
