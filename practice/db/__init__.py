"""How we speak to the database: statements kept ready, transactions, replicas, and outages."""
