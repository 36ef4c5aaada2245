"""A practice's whole book as one file, out of one database and into another."""
