"""The model that a multipart form asks for, as audio and images are sent; pure."""

from __future__ import annotations

import re

BOUNDARY = re.compile(
    rb'multipart/form-data[ \t]*;(?:.*;)?[ \t]*boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))',
    re.IGNORECASE,
)
MODEL = re.compile(
    rb'content-disposition:[ \t]*form-data;[^\r\n]*\bname="?model"?(?=[;\s]|$)', re.I
)
LONGEST = 512  # bytes of a name that is read


def is_form(kind: bytes) -> bool:
    """Say whether a content type is that of a form with parts."""
    return kind[:10].lower() == b"multipart/"


def model_of(kind: bytes, body: bytes) -> str | None:
    """Return what the form's field `model` says; None where it has none. Raises ValueError."""
    place = _place(kind, body)
    return None if place is None else body[slice(*place)].decode()


def renamed(kind: bytes, body: bytes, name: str) -> bytes:
    """Return the form with its `model` replaced by this name and no other byte changed."""
    place = _place(kind, body)
    return body if place is None else body[: place[0]] + name.encode() + body[place[1] :]


def _place(kind: bytes, body: bytes) -> tuple[int, int] | None:
    """Where the field's value begins and ends. Raises ValueError for a form that is none, or whose
    model two readers could read in two ways."""
    found = BOUNDARY.match(kind)
    if found is None:
        raise ValueError("the form's type names no boundary")
    line = b"--" + (found[1] or found[2])
    place, at = None, body.find(line)
    while at >= 0:
        head = at + len(line)
        after = body.find(b"\r\n" + line, head)
        begin = body.find(b"\r\n\r\n", head, after if after >= 0 else len(body))
        if begin >= 0 and after >= 0 and MODEL.search(body, head, begin):
            if place is not None:
                raise ValueError("the form has two fields `model`")
            if after - begin - 4 > LONGEST:
                raise ValueError("the form's `model` is too long for a name")
            place = begin + 4, after
        at = after + 2 if after >= 0 else -1
    return place
