"""What `cargo xtask contract` changes in the requests that schemathesis makes up."""

import functools
import itertools
import json
import os
import urllib.request

import schemathesis

# An address for documentation (RFC 5737): nothing is there.
NOWHERE = "192.0.2.1"
KEY = "Idempotency-Key"
# An id that no key has.
NO_KEY = "00000000-0000-0000-0000-00000000dead"
COUNT = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    leave_this_machine_alone(case.body)
    keep_the_own_key(case)
    tell_requests_apart(case.headers)


def leave_this_machine_alone(body):
    """`local` would take this very machine as a server."""
    if isinstance(body, dict) and body.get("authMethod") == "local":
        body["authMethod"] = "password"
        body.setdefault("sshPassword", "none")
        body.setdefault("host", NOWHERE)


def keep_the_own_key(case):
    """A list of keys leads to the one that these requests bear: without it all else would be refused."""
    if case.method == "DELETE" and "api-keys/{id}" in case.path and (case.path_parameters or {}).get("id") in own_keys():
        case.path_parameters["id"] = NO_KEY


@functools.cache
def own_keys():
    request = urllib.request.Request(f"{os.environ['OCORE_URL']}/api/api-keys")
    request.add_header("Authorization", f"Bearer {os.environ['OCORE_TOKEN']}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        keys = json.load(answer)["data"]
    return {key["id"] for key in keys if key["isServerAdmin"]}


def tell_requests_apart(headers):
    """Made-up keys are often the same, and then hardly a request would be done. Every tenth stays as it is."""
    key = headers.get(KEY) if headers else None
    fits = isinstance(key, str) and 0 < len(key) < 250 and key.isascii() and key.isprintable()
    number = next(COUNT)
    if fits and number % 10:
        headers[KEY] = f"{key[:200]}{number}"
