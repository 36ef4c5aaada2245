"""A request as a command or a program to paste: curl, Python, JavaScript.

Each stands alone and needs nothing but its language. What a sandbox holds was written by others, so
every value is quoted by the rules of its language and can only be a value.
"""

import json
import pprint
import shlex
from dataclasses import dataclass
from urllib.parse import urlencode

from fhirapi.developer.requests import Request, Values, claims
from fhirapi.formats import Format
from fhirapi.jwt import LIFE_SECONDS

ISSUED, EXPIRES = 1_111_111_111, 1_111_111_111 + LIFE_SECONDS  # places for the moment of sending


@dataclass(frozen=True)
class Sample:
    """A request in one language; ``language`` is its name."""

    language: str
    text: str


def samples(request: Request, values: Values) -> list[Sample]:
    """The same request in each language."""
    return [
        Sample("curl", curl(request, values)),
        Sample("Python", python(request, values)),
        Sample("JavaScript", javascript(request, values)),
    ]


def token_claims(request: Request, values: Values) -> str:
    """The claims as JSON, with marks for the two times that are known when it is sent."""
    return json.dumps(
        claims(scope=request.interaction.scope, audience=values.root, issued_at=ISSUED)
    )


def sent_headers(request: Request, values: Values) -> dict[str, str]:
    """All headers but the token."""
    headers = {"Accept": Format.JSON.value, **request.headers_for(values)}
    if request.body is not None or request.text:
        headers.setdefault("Content-Type", Format.JSON.value)
    return headers


def full_address(request: Request, values: Values) -> str:
    """The address with its query."""
    query = f"?{urlencode(request.query)}" if request.query else ""
    return request.address(values) + query


def curl(request: Request, values: Values) -> str:
    """A command for a shell: the token is made when it runs, and lives five minutes."""
    shown = shlex.quote(token_claims(request, values))
    shown = shown.replace(str(EXPIRES), f"'$((NOW + {LIFE_SECONDS}))'")
    shown = shown.replace(str(ISSUED), "'$NOW'")
    lines = [
        f"curl --silent --show-error --request {request.interaction.verb}"
        f" {shlex.quote(full_address(request, values))}",
        *(
            f"--header {shlex.quote(f'{name}: {value}')}"
            for name, value in sent_headers(request, values).items()
        ),
        '--header "Authorization: Bearer $TOKEN"',
    ]
    body = ""
    if request.body is not None:
        # No line of JSON is the mark that ends it: texts in JSON have no line breaks.
        lines.append("--data-binary @- <<'END_OF_BODY'")
        body = f"\n{json.dumps(request.body, indent=2, ensure_ascii=False)}\nEND_OF_BODY"
    elif request.text:
        lines.append(f"--data-binary {shlex.quote(request.text)}")
    return "\n".join(
        [
            "NOW=$(date +%s)",
            "b64() { base64 | tr -d '=\\n' | tr '/+' '_-'; }",
            f"CLAIMS={shown}",
            'TOKEN=$(printf \'{"alg":"none","typ":"JWT"}\' | b64).$(printf %s "$CLAIMS" | b64).',
            " \\\n  ".join(lines) + body,
        ]
    )


def python(request: Request, values: Values) -> str:
    """A program for Python 3, without packages."""
    made = literal(claims(scope=request.interaction.scope, audience=values.root, issued_at=ISSUED))
    made = made.replace(str(EXPIRES), f"now + {LIFE_SECONDS}").replace(str(ISSUED), "now")
    data = "None"
    if request.body is not None:
        data = f"json.dumps({literal(request.body)}).encode()"
    elif request.text:
        data = f"{request.text!r}.encode()"
    return f"""\
import base64, json, time, urllib.error, urllib.request

now = int(time.time())
claims = {made}
parts = [{{"alg": "none", "typ": "JWT"}}, claims]
parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
token = b".".join([*parts, b""]).decode()
headers = {literal(sent_headers(request, values))}
request = urllib.request.Request(
    {full_address(request, values)!r},
    method={request.interaction.verb!r},
    headers={{**headers, "Authorization": f"Bearer {{token}}"}},
    data={data},
)
try:
    answer = urllib.request.urlopen(request)
except urllib.error.HTTPError as refusal:
    answer = refusal
print(answer.status)
print(answer.read().decode())
"""


def literal(value: object) -> str:
    """A value as Python writes it, over several lines."""
    return pprint.pformat(value, width=96, sort_dicts=False)


def javascript(request: Request, values: Values) -> str:
    """A program for Node 18 and newer; a browser needs another way to base64url."""
    made = token_claims(request, values)
    made = made.replace(str(EXPIRES), f"now + {LIFE_SECONDS}").replace(str(ISSUED), "now")
    body = ""
    if request.body is not None:
        body = f"\n  body: JSON.stringify({json.dumps(request.body, indent=2)}),"
    elif request.text:
        body = f"\n  body: {json.dumps(request.text)},"
    return f"""\
const now = Math.floor(Date.now() / 1000);
const claims = {made};
const b64 = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
const token = `${{b64({{ alg: "none", typ: "JWT" }})}}.${{b64(claims)}}.`;
const headers = {json.dumps(sent_headers(request, values), indent=2)};
fetch({json.dumps(full_address(request, values))}, {{
  method: {json.dumps(request.interaction.verb)},
  headers: {{ ...headers, Authorization: `Bearer ${{token}}` }},{body}
}}).then(async (answer) => {{
  console.log(answer.status);
  console.log(await answer.text());
}});
"""
