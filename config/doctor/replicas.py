"""Whether the streaming replicas that are configured can be asked."""

import time
from datetime import datetime
from math import isfinite

from django.db import Error

from config import replicas
from config.doctor.findings import Answers, Finding, Installation

PATIENCE = 3.0  # seconds for a replica to show that it follows


def replicas_follow(installation: Installation, now: datetime) -> Answers:
    """Each answers, is a replica, and is near enough to the primary."""
    for replica in replicas.REPLICAS:
        until = time.monotonic() + PATIENCE
        try:
            replica.look()
            while not replica.may_be_asked() and time.monotonic() < until:
                time.sleep(0.1)
                replica.look()
        except Error as error:
            yield Finding(
                id="replicas.away",
                what=f"{replica.alias} cannot be asked: {' '.join(str(error).split())}. The "
                "primary does its work meanwhile.",
                where="DATABASE_REPLICA_URL",
                remedy="See whether it runs, is a replica and lets the reading role in "
                "(docs/runbook.md, Streaming replicas).",
                command="systemctl status postgresql",
            )
            continue
        if not replica.may_be_asked():
            lag = replica.lag()
            behind = f"{lag:.0f} s" if isfinite(lag) else f"more than {PATIENCE:.0f} s"
            yield Finding(
                id="replicas.late",
                what=f"{replica.alias} is {behind} behind and is not asked. The primary does its "
                "work meanwhile.",
                where="DATABASE_REPLICA_URL",
                remedy="See on the primary whether it is connected and how far it is; one that can "
                "no longer catch up is made anew.",
                command='psql -c "SELECT client_addr, state, replay_lag FROM pg_stat_replication"',
            )
