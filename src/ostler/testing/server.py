"""Run an ASGI application in a thread, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn


@contextlib.contextmanager
def running(app: Any, tls: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Serve the application on a free loopback port and give its address.

    `tls` names the files of a certificate chain and its private key, PEM; None: plain HTTP.

    The port listens before the address is given, so no one needs to wait or try again.
    """
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # answers are cut on purpose
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
        if tls:
            config.ssl_certfile, config.ssl_keyfile = tls
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            thread.join()
