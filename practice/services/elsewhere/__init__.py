"""Booking at other organisations: ``wire`` is the only door to ``consumer``.

Nothing here is asked of anybody inside a transaction: what is about to be sent is stored and
committed first, then sent, then what became of it is stored.
"""
