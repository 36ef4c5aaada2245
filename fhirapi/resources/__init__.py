"""FHIR resources as GP Connect profiles them: a module for each, rows to plain dicts and back."""
