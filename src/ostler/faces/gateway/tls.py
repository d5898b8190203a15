"""TLS towards callers, from a certificate chain and a key in two files."""

from __future__ import annotations

import ssl
from pathlib import Path


class Certificate:
    """What a worker shows callers. A file that changed is read at the next `reload`."""

    def __init__(self, chain: Path, key: Path | None) -> None:
        """Read the files. Raises OSError, ssl.SSLError."""
        self._chain, self._key = chain, key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.context.load_cert_chain(chain, key)

    def reload(self) -> bool:
        """Read the files again; say whether they were good. Bad ones leave the old in force."""
        trial = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            trial.load_cert_chain(self._chain, self._key)
        except (OSError, ssl.SSLError):
            return False
        self.context.load_cert_chain(self._chain, self._key)
        return True
