"""Where models are fetched from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ostler.core.addresses import without_password
from ostler.errors import UsageError
from ostler.nouns import Manifest, ModelRef
from ostler.settings import Settings

if TYPE_CHECKING:
    from ostler.ports import Source
    from ostler.sources.huggingface.greeting import Greeting

PLACED = ("folder", "git")  # sources whose models have a place instead of a name there


def source(
    settings: Settings,
    endpoint: str | None = None,
    ref: ModelRef | None = None,
    token: str | None = None,
) -> Source:
    """Return where to fetch from: the hub, or the source that the reference names.

    `token`, else the user's, goes along if there is one. Several endpoints, by commas, are
    mirrors; the token is for the first, and no mirror sees it. Offline, a folder is the only one
    that is asked.
    Raises UsageError for a reference without the place that its source needs.
    """
    if settings.offline and not (ref and ref.source == "folder"):
        from ostler.sources.offline import Offline

        return Offline(_offline_by(settings))
    if ref and ref.source != "hf":
        return _other_source(ref, endpoint)
    from ostler.sources.huggingface import HuggingFace, stored_token

    first, *mirrors = _hubs(endpoint or settings.endpoint)
    hub = HuggingFace(first, token or stored_token())
    if not mirrors:
        return hub
    from ostler.sources.mirrors import Mirrors

    return Mirrors([hub, *(HuggingFace(one) for one in mirrors)])


def source_of(settings: Settings, manifest: Manifest, endpoint: str | None = None) -> Source:
    """Return where a kept model came from."""
    came = manifest.origin or None
    ref = ModelRef(manifest.name, source=manifest.source, place=came)
    return source(settings, endpoint or (None if ref.source in PLACED else came), ref)


def origin(settings: Settings, ref: ModelRef, endpoint: str | None = None) -> str:
    """Return the address that a kept model will say it came from."""
    if ref.source == "ms":
        from ostler.sources.modelscope import home

        return endpoint or home()
    return ref.place or (endpoint or settings.endpoint).partition(",")[0]


def _hubs(endpoints: str) -> list[str]:
    """Return the addresses. One with a password would be kept in manifests and logs: UsageError."""
    if (hidden := without_password(endpoints)) != endpoints:
        raise UsageError(
            f"The hub's address holds a password: {hidden}.",
            hint="Take it out; a token is given by HF_TOKEN or `hf auth login`.",
        )
    return [one.strip() for one in endpoints.split(",")]


def _offline_by(settings: Settings) -> str:
    """Return what made us offline, as a user set it."""
    said = settings.origins.get("offline", "")
    return "--offline" if said in ("", "flag", "default") else said


def _other_source(ref: ModelRef, endpoint: str | None) -> Source:
    if ref.source == "ms":
        from ostler.sources import modelscope

        place = _hubs(endpoint or modelscope.home())[0]
        return modelscope.ModelScope(place, modelscope.stored_token())
    if ref.place is None:
        example = {"folder": "folder:/srv/models/name", "git": "git:https://host/owner/name"}
        raise UsageError(
            f"{ref} is the name of a kept model, not a place to fetch from.",
            hint=f"Write the place, for example {example[ref.source]}.",
        )
    if ref.source == "folder":
        from ostler.sources.folder import Folder

        return Folder(ref.place)
    from ostler.sources.git import GitRemote

    return GitRemote(ref.place)


def has_token() -> bool:
    """Say whether the user has a token for the hub."""
    from ostler.sources.huggingface import stored_token

    return stored_token() is not None


def token_file() -> Path:
    """Return where the user's own token is kept, whether there is one or not."""
    from ostler.sources.huggingface.hub import token_file

    return token_file()


def greeting(settings: Settings) -> tuple[str, bool, Greeting]:
    """Greet the first hub: its address, whether we showed a token, and its answer."""
    from ostler.sources.huggingface import stored_token
    from ostler.sources.huggingface.greeting import greet

    first, token = _hubs(settings.endpoint)[0], stored_token()
    return first, token is not None, greet(first, token)
