"""What a hash looks like: one that comes from outside is held against this before it is a path."""

from __future__ import annotations

import re

SHA256 = re.compile(r"[0-9a-f]{64}")
SHA1 = re.compile(r"[0-9a-f]{40}")
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # git's own, of either of its hashes
KEY = COMMIT  # of a content: its sha256, or its git blob id where that is all
