"""The other end of the wire: what calls a GP Connect provider (Appointment Management 1.2.7).

It stands alone: no Django, nothing of the appointment book; ``pip install ./consumer`` takes it
elsewhere. docs/consumer.md says how it is used. The rooms, each importing only those before it:

- ``errors``: what can go wrong with a call, and whether the provider may have acted on it
- ``identity``: who calls, and whom
- ``interactions``: the table of GP Connect: verb and path, interaction id, scope
- ``tokens``: the unsigned token of a request
- ``transport``: one exchange over HTTP, with time limits and safe repeats; no FHIR in it
- ``times``, ``formats``, ``resources``: what is on the wire, read and written
- ``client``: the typed client
- ``proxy``: a stand-in for the Spine proxy, for FHIR tools that know nothing of GP Connect
"""
