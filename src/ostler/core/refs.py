"""Text to `ModelRef`: `hf:org/name@revision#variant`, or a page's address on the Hub.

Other sources: `ms:org/name` (ModelScope), `folder:/a/place`, `git:https://host/org/name`.

The name that comes out of here is safe to use as a path below a folder of ours: no `..`, no
leading slash, no backslash, no control character, ASCII only. A place is what the user typed, and
is only ever read from.
"""

from __future__ import annotations

import re

from ostler.core.addresses import without_password
from ostler.errors import BadRef
from ostler.nouns import ModelRef

LONGEST_NAME = 96  # the Hub's own limit for a repository id
LONGEST_REVISION = 255
LONGEST_VARIANT = 200

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(?:/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")
_VARIANT = re.compile(r"[a-z0-9_][a-z0-9._+-]*")
_PAGE = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/", re.IGNORECASE)

SOURCES = ("hf", "ms", "folder", "git")
# What follows a source when it is a place and no name. git's own `ext::` runs programs: not here.
_PLACES = {
    "folder": re.compile(r"folder:(?=[/~]|\.{1,2}(?:/|$))"),
    "git": re.compile(r"git:(?=(?:https?|ssh|file)://)"),
}
_COLON = re.compile(r"(?P<name>[\w.-]+/[\w.-]+):(?P<variant>[\w.+-]+)", re.ASCII)
_ADDRESS = re.compile(r"[a-z]+://[^/]*")
_SECRET = re.compile(r"[a-z]+://[^/@]*:[^/@]*@|https?://[^/]*@")

_PATH = re.compile(r"[/~]|\.{1,2}(?:/|$)")

_EXAMPLE = "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF#q4_k_m"


def parse(text: str) -> ModelRef:
    """Return the reference that the text means; the variant is lower-cased.

    Accepts `org/name`, `hf:org/name`, either with `@revision` and `#variant` in this order, the
    address of a repository's page on huggingface.co or hf.co, and places of other sources.
    Raises BadRef.
    """
    page = _PAGE.match(text)
    if page:
        return _from_page(text, text[page.end() :])
    for source, beginning in _PLACES.items():
        if begins := beginning.match(text):
            return _from_place(text, source, text[begins.end() :])
    if _PATH.match(text):
        take_in = f"`ostler import {text}` takes in what lies there; `ostler ls` shows its name."
        raise _bad(text, "it is a path", take_in)
    rest, hash_mark, variant = text.partition("#")
    rest, at_mark, revision = rest.partition("@")
    source, colon, name = rest.rpartition(":")
    if colon and source not in SOURCES:
        _refuse_colon(text, rest, hash_mark or at_mark)
        hint = f"The sources are {', '.join(SOURCES)}."
        raise _bad(text, f"there is no source called {source!r}", hint)
    return ModelRef(
        name=_name(text, name),
        revision=_revision(text, revision) if at_mark else None,
        variant=_variant(text, variant) if hash_mark else None,
        source=source or "hf",
    )


def _from_place(text: str, source: str, rest: str) -> ModelRef:
    """Read `<place>[@revision][#variant]`; the last two parts of the place become the name."""
    place, hash_mark, variant = rest.rpartition("#") if "#" in rest else (rest, "", "")
    before, slash, last = place.rpartition("/")
    last, at_mark, revision = last.partition("@")
    place = f"{before}{slash}{last}"
    if "\0" in place or not place.isprintable():
        raise _bad(text, "it holds control characters")
    if source == "git" and _SECRET.match(place):
        why = "a password does not belong in an address"
        raise _bad(without_password(text), why, "git keeps them: gitcredentials(7).")
    if source == "folder" and at_mark:
        raise _bad(text, "a folder has no revisions")
    return ModelRef(
        name=_name(text, _name_of_place(text, place)),
        revision=_revision(text, revision) if at_mark else None,
        variant=_variant(text, variant) if hash_mark else None,
        source=source,
        place=place,
    )


def _name_of_place(text: str, place: str) -> str:
    path = _ADDRESS.sub("", place).rstrip("/").removesuffix(".git")
    parts = [part for part in path.split("/") if part not in ("", ".", "..", "~")]
    if not parts:
        raise _bad(text, "the model gets its name from the place, and this one has none")
    plain = [_plain(part) for part in parts[-2:]]
    return "/".join(plain if len(plain) == 2 else ["local", *plain])


def _plain(part: str) -> str:
    """Return a part of a path as a part of a name: other letters become dashes."""
    dashed = re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._-]", "-", part))
    return re.sub(r"\.{2,}", ".", dashed).strip(".-") or "unnamed"


def _from_page(text: str, tail: str) -> ModelRef:
    """Read `org/name[/tree/revision][#variant]`; a query and a file's path are left out."""
    tail, _, variant = tail.partition("#")
    parts = tail.partition("?")[0].strip("/").split("/")
    _refuse_colon(text, "/".join(parts[:2]), variant)
    if parts[0] in ("datasets", "spaces"):
        raise _bad(text, f"{parts[0]} are not models", f"Try `ostler pull {_EXAMPLE}`.")
    revision = parts[3] if len(parts) > 3 and parts[2] in ("tree", "blob", "resolve") else None
    return ModelRef(
        name=_name(text, "/".join(parts[:2])),
        revision=_revision(text, revision) if revision else None,
        variant=_variant(text, variant) if variant else None,
    )


def _refuse_colon(text: str, name: str, more: str) -> None:
    """Raise BadRef with our way to write it where NAME is `org/name:quantization`, as others do."""
    colon = _COLON.fullmatch(name.removeprefix("hf:"))
    if colon and not more:
        hint = f"Write {colon['name']}#{colon['variant'].lower()}."
        raise _bad(text, "a quantization stands behind a #", hint)


def _name(text: str, name: str) -> str:
    parts = name.split("/")
    if len(parts) != 2:
        raise _bad(text, "it must be an owner and a name with one / between them")
    if len(name) > LONGEST_NAME:
        raise _bad(text, f"the Hub allows at most {LONGEST_NAME} characters, this has {len(name)}")
    if not all(_PART.fullmatch(part) for part in parts):
        raise _bad(text, "owner and name are made of A-Z a-z 0-9 _ - . and begin with none of - .")
    if ".." in name or "--" in name or name.endswith(".git"):
        raise _bad(text, "the Hub allows no '..', no '--' and no ending '.git'")
    return name


def _revision(text: str, revision: str) -> str:
    plain = _REVISION.fullmatch(revision) and ".." not in revision
    if not plain or len(revision) > LONGEST_REVISION or revision.endswith((".", ".lock")):
        raise _bad(text, f"{revision!r} cannot be a branch, tag or commit")
    return revision


def _variant(text: str, variant: str) -> str:
    folded = variant.lower()
    plain = _VARIANT.fullmatch(folded) and ".." not in folded
    if not plain or len(folded) > LONGEST_VARIANT:
        raise _bad(text, f"{variant!r} cannot be the name of a quantization")
    return folded


def _bad(text: str, why: str, hint: str = "") -> BadRef:
    return BadRef(
        f"{text!r} is not a repository id: {why}.",
        hint=hint or f"Write owner/name, for example {_EXAMPLE}.",
        ref=text,
    )
