"""The way that the README begins with: `ostler demo`, and from there to a page in a browser."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from tests.stories.conftest import environment

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def test_from_nothing_to_a_page_and_nothing_is_left(tmp_path: Path) -> None:
    """Every step succeeds; `--keep` names a page that opens; told to end, all of it goes."""
    env = environment(tmp_path / "unused", "http://127.0.0.1:9") | {"TMPDIR": str(tmp_path)}
    demo = subprocess.Popen(
        [sys.executable, "-m", "ostler", "demo", "--keep"],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    said: list[str] = []
    try:
        assert demo.stdout
        for line in demo.stdout:
            said.append(line)
            if "Ctrl-C ends it" in line:
                break
        text = "".join(said)
        assert demo.poll() is None, text
        assert re.search(r"^hello$", text, flags=re.M), text
        (address,) = re.findall(r"Chat in your browser: (http://\S+)/", text)
        request = urllib.request.Request(f"{address}/", headers=BROWSER)
        with urllib.request.urlopen(request, timeout=60) as answer:
            page = answer.read().decode()
        assert (answer.url.startswith(f"{address}/dashboard"), "Playground" in page) == (True, True)
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)
    assert demo.returncode == 128 + signal.SIGTERM
    place = urlsplit(address)
    with socket.socket() as knock:
        assert knock.connect_ex((place.hostname, place.port)) != 0, "the server is still there"
    assert not list(tmp_path.glob("ostler-demo-*")), "its home is still there"
