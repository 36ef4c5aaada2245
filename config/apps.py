"""Which admin site this installation has."""

from django.contrib.admin.apps import AdminConfig


class StaffSiteConfig(AdminConfig):
    """django.contrib.admin with our own site, to which the day-to-day pages belong too."""

    default_site = "practice.staff.site.StaffSite"
