"""The day-to-day pages of the admin site, and the site itself."""
