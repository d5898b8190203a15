"""An engine for tests of sleep: it answers as vLLM does, and really gives its memory back.

`python sleeper.py --port N [--bytes N] [--deaf] [--heavy]`. With `--deaf` it takes the word to
sleep and stays awake; with `--heavy` it refuses to wake.
"""

from __future__ import annotations

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sleeper(ThreadingHTTPServer):
    """What the engine holds, and whether it sleeps."""

    def __init__(self, flags: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", flags.port), Answers)
        self.flags = flags
        self.asleep = False
        self.held = bytearray(flags.bytes)

    def turn(self, to_sleep: bool) -> int:
        """Fall asleep, or wake; return the status to answer with."""
        if to_sleep and self.flags.deaf:
            return 200
        if not to_sleep and self.flags.heavy:
            return 500
        self.asleep = to_sleep
        self.held = bytearray(0 if to_sleep else self.flags.bytes)
        return 200


class Answers(BaseHTTPRequestHandler):
    """Its HTTP paths."""

    server: Sleeper

    def do_GET(self) -> None:
        """Say whether it is well, or sleeps."""
        sleeps = {"is_sleeping": self.server.asleep}
        self.say(200, sleeps if self.path == "/is_sleeping" else {})

    def do_POST(self) -> None:
        """Sleep, wake, or answer a request while awake."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if path in ("/sleep", "/wake_up"):
            self.say(self.server.turn(path == "/sleep"), {})
        else:
            self.say(500 if self.server.asleep else 200, {})

    def say(self, status: int, body: object) -> None:
        """Answer."""
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bytes", type=int, default=0)
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("--heavy", action="store_true")
    Sleeper(parser.parse_args()).serve_forever()


if __name__ == "__main__":
    main()
