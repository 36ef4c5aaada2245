"""The real settings, with the alternatives' addresses beside the real ones; for benchmarks only."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.alternative_urls"
