"""Whether what runs beside this process in its container is well: exit code 0, or 1 with words.

live       a web server's process answers
ready      a web server may be sent requests (config/health.py)
schedule   the scheduler goes on, and no job's last run failed
scheduling the scheduler goes on
"""

import os
import sys

from deploy.image import schedule
from deploy.over_socket import OverSocket

SECONDS = 10


def ask_web(question: str) -> tuple[bool, str]:
    """What a web server says of itself."""
    path = f"{os.environ['RUNTIME_DIRECTORY']}/web.sock"
    host = os.environ.get("DJANGO_ALLOWED_HOSTS", "").split(",")[0].strip()
    connection = OverSocket(path, host or "localhost", timeout=SECONDS)
    try:
        connection.request("GET", f"/health/{question}", headers={"X-Forwarded-Proto": "https"})
        answer = connection.getresponse()
        return answer.status == 200, answer.read().decode()
    except OSError as error:
        return False, f"{path}: {error}"
    finally:
        connection.close()


def main(arguments: list[str]) -> int:
    match arguments:
        case ["live" | "ready" as question]:
            well, words = ask_web(question)
        case ["schedule" | "scheduling" as question]:
            well, words = schedule.is_well(with_jobs=question == "schedule")
        case _:
            sys.exit(__doc__)
    print(words)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
