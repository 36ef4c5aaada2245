"""What tests and benchmarks both work with: makers of records, bodies, a consumer, real servers.

No test stands here, and nothing of the product imports it.
"""
