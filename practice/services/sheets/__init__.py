"""A practice's records as spreadsheets, out and in."""
