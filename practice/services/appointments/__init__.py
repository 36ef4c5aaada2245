"""Booking, changing, moving and attending appointments: every write to them."""
