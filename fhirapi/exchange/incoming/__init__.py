"""Files of FHIR STU3 to records that a practice can take: nothing is stored here."""
