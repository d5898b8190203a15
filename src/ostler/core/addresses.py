"""Addresses with a password in them: never shown, and no hub is asked by one."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(?<=//)([^/@\s:]*):[^/@\s]*@")


def without_password(text: str) -> str:
    """Return a text whose addresses hide their passwords: `http://user:***@host`."""
    return _PASSWORD.sub(r"\1:***@", text)
