"""Too much at once: what is beyond the upstream's share is refused, and the rest answered."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer

import pytest
from fhir.resources.STU3.operationoutcome import OperationOutcome

from tests.test_transport import METADATA, Echo, ask, needs_nginx
from workbench.nginx import nginx

pytestmark = [needs_nginx, pytest.mark.req("SEC-022")]

PROCESSES = 2
ROOM = 24 * PROCESSES  # max_conns of deploy/nginx is for each
TOO_MANY = 12


class Slow(Echo):
    """Answers once it is told to."""

    may_answer = threading.Event()

    def do_GET(self):  # noqa: N802 - the name that http.server looks for
        assert self.may_answer.wait(60)
        self.answer()


class Crowd(ThreadingHTTPServer):
    request_queue_size = 2 * ROOM
    daemon_threads = True


@contextlib.contextmanager
def crowd() -> Iterator[str]:
    with Crowd(("127.0.0.1", 0), Slow) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{upstream.server_address[1]}"
        upstream.shutdown()


def test_what_is_too_much_is_refused_at_once_and_the_rest_is_answered():
    with contextlib.ExitStack() as running:
        upstreams = [running.enter_context(crowd()) for _ in range(PROCESSES)]
        with (
            nginx(",".join(upstreams)) as transport,
            ThreadPoolExecutor(ROOM + TOO_MANY) as pool,
        ):
            refused = threading.Semaphore(0)

            def one():
                answer = ask(transport, METADATA, certificate=transport.valid)
                if answer.status_code == 503:
                    refused.release()
                return answer

            asked = [pool.submit(one) for _ in range(ROOM + TOO_MANY)]
            at_once = [refused.acquire(timeout=30) for _ in range(TOO_MANY)]
            Slow.may_answer.set()
            answers = [each.result(60) for each in asked]
            later = ask(transport, METADATA, certificate=transport.valid)

    assert all(at_once), "refused while the others were still waiting"
    assert Counter(each.status_code for each in answers) == {200: ROOM, 503: TOO_MANY}
    for answer in answers:
        if answer.status_code == 503:
            OperationOutcome.model_validate_json(answer.content)
            assert answer["Retry-After"] == "2"
    assert later.status_code == 200
