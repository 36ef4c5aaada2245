"""Records out of another system's files into a practice's book: all of them, or nothing."""
