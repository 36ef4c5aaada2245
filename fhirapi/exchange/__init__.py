"""A practice's book as FHIR: taken in from files, and written into files."""
