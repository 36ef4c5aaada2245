"""The conformance kit: does a provider keep to GP Connect 1.2.7, as seen over the wire?

``python -m consumer check URL --asid ASID --nhs-number NUMBER``; docs/conformance_kit.md. It knows
nothing of the provider but its address and one patient made for tests, and leaves the diary as it
found it. The rooms, each importing only those before it:

- ``exchange``, ``wire``: a request and its answer; making, sending and keeping them
- ``codes``, ``shapes``, ``profiles``: what GP Connect's answers look like, in our own words
- ``checks``: what a check is
- ``kit``, ``journey``: what the kit has found there, and the life of one appointment
- ``about``: the checks themselves, a module for each subject
- ``run``, ``report``, ``page``, ``command``: doing them, and saying what came of it
"""
