"""Say whether the server of this home answers: `python -m ostler.programs.health`.

For whoever watches a container or a service from inside: exit code 0 where it answers, 1 with a
sentence where it does not. It needs no key, as /health needs none.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
from pathlib import Path

PATIENCE = 4.0  # seconds; Docker's own is 5 in our image
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - an address to ask at instead


def main() -> int:
    """Ask once."""
    home = Path(os.environ.get("OSTLER_HOME") or "~/.ostler").expanduser()
    try:
        said = json.loads((home / "run" / "serve.json").read_text())
        status = ask(said["host"], said["port"], said.get("tls", ""))
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        print(f"The server of {home} does not answer: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0 if status == 200 else 1


def ask(host: str, port: int, tls: str) -> int:
    """Return the status of /health. Raises OSError, HTTPException."""
    host = ANYWHERE.get(host, host)
    if not tls:
        way = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    else:
        trust = ssl.create_default_context(cafile=tls)  # the very certificate that it announced
        trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        trust.check_hostname = False
        way = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=trust)
    try:
        way.request("GET", "/health")
        return way.getresponse().status
    finally:
        way.close()


if __name__ == "__main__":
    sys.exit(main())
