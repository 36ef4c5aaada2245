"""Closing a time and opening it again, and what becomes of the patients it meets."""
