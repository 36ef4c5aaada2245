"""The other end of the wire: what calls a GP Connect provider (Appointment Management 1.2.7).

It stands alone: no Django, nothing of the appointment book; ``pip install ./consumer`` takes it
elsewhere. docs/consumer.md says how it is used. The rooms, each importing only those before it:

- ``errors``: what can go wrong with a call, and whether the provider may have acted on it
- ``identity``: who calls, and whom
- ``interactions``: the table of GP Connect: verb and path, interaction id, scope
- ``tokens``: the unsigned token of a request
- ``transport``: one exchange over HTTP, with time limits and safe repeats; no FHIR in it
- ``formats``, ``calls``: FHIR as JSON and XML; a request of GP Connect, well made or spoilt
- ``times``, ``resources``, ``bodies``: what comes back and what is sent, typed
- ``client``: the typed client
- ``proxy``, ``searching``: a stand-in for the Spine proxy, for FHIR tools that know nothing of GP
  Connect; a search from a command line
"""

VERSION = "1.0.0"  # that of the appointment book: they are released together
