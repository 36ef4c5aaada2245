"""PostgreSQL, with what practice.db.row_security says to each transaction."""
