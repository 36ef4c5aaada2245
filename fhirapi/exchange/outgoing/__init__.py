"""A practice's whole book, written as STU3 Bundles, with a report of what FHIR has no room for."""
