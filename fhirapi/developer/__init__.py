"""What a supplier's developer reads and tries: made of the tables that route and check requests."""
