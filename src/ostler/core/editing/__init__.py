"""Changing a user's YAML by position: what is not meant to change stays, byte for byte.

A round trip through a YAML library keeps comments but not bytes: indents, quotes, line ends and
folded lines come out as that library likes them. Here a change is a few splices into the text.
"""

from ostler.core.editing.difference import unified
from ostler.core.editing.editing import edited, read
from ostler.core.editing.patching import patched
from ostler.core.editing.values import at, merged, put, without

__all__ = ["at", "edited", "merged", "patched", "put", "read", "unified", "without"]
