"""The trail of who saw and did what: written, kept in an outage, sealed, proved, handed out."""
