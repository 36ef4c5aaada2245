"""Practices to look at, the consumer that calls them, and the bookings that both make."""
