"""What an assessor is shown: ``python -m tests.evidence``, which is ``make evidence``.

``facts``: what is known, and what is missing. ``pages``: the folder that is written of it.
"""
