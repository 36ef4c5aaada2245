"""Which admin site this installation has, and what it calls the accounts of staff."""

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig

from config import checks  # noqa: F401 - they register themselves


class InstallationConfig(AppConfig):
    """This room, for its commands."""

    name = "config"


class StaffSiteConfig(AdminConfig):
    """django.contrib.admin with our own site, to which the day-to-day pages belong too."""

    default_site = "practice.staff.admin_site.StaffSite"

    def ready(self) -> None:
        # Above the lists of users and roles stands what the menu says, not "Authentication".
        apps.get_app_config("auth").verbose_name = "Staff"
        super().ready()
