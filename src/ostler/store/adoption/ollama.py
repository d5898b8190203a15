"""An Ollama store: `manifests/<host>/<owner>/<name>/<tag>` and `blobs/sha256-<hash>`.

A manifest lists layers by media type; the model is one GGUF file, named by its hash. See
github.com/ollama/ollama, types/model and server/manifest.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ostler.core.reasons import why
from ostler.errors import CorruptFile
from ostler.store.adoption.offers import Lying, Offer, lying

_LAYER = "application/vnd.ollama.image."
# What each layer becomes: its name in the repository, from the model's name and tag.
_NAMES = {
    "model": "{name}-{tag}.gguf",
    "projector": "mmproj-{name}-{tag}.gguf",
    "adapter": "adapter-{name}-{tag}.gguf",
    "template": "ollama-template.txt",
    "system": "ollama-system.txt",
    "params": "ollama-params.json",
    "license": "LICENSE",
}
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
LARGEST = 2**20  # bytes; a manifest lists a handful of layers


def is_store(place: Path) -> bool:
    """Say whether a folder is an Ollama store, or its parent `~/.ollama`."""
    return _root(place) is not None


def offers(place: Path) -> Iterator[Offer]:
    """Yield every model of the store. Raises CorruptFile on a damaged manifest."""
    root = _root(place)
    assert root
    for manifest in sorted((root / "manifests").glob("*/*/*/*")):
        _, owner, name, tag = manifest.relative_to(root / "manifests").parts
        if manifest.is_file():
            files = tuple(_files(root, _layers(manifest), name, tag))
            # `library` is the owner of the models that Ollama itself publishes
            yield Offer("Ollama store", files, name=f"{owner}/{name}", variant=tag)


def _root(place: Path) -> Path | None:
    for root in (place, place / "models"):
        if (root / "manifests").is_dir() and (root / "blobs").is_dir():
            return root
    return None


def _layers(manifest: Path) -> list[dict[str, Any]]:
    try:
        if manifest.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        layers = json.loads(manifest.read_bytes())["layers"]
        return [dict(layer) for layer in layers]
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptFile(f"{manifest} is no Ollama manifest: {why(error)}.") from None


def _files(root: Path, layers: list[dict[str, Any]], name: str, tag: str) -> Iterator[Lying]:
    count: dict[str, int] = {}
    for layer in layers:
        kind = str(layer.get("mediaType", "")).removeprefix(_LAYER)
        digest = _DIGEST.fullmatch(str(layer.get("digest")))
        if kind not in _NAMES or not digest:
            continue  # messages and the like are of Ollama's own making
        count[kind] = count.get(kind, 0) + 1
        path = _NAMES[kind].format(name=name, tag=tag)
        if count[kind] > 1:
            stem, dot, end = path.partition(".")
            path = f"{stem}-{count[kind]}{dot}{end}"
        blob = root / "blobs" / f"sha256-{digest[1]}"
        if not blob.is_file():
            raise CorruptFile(
                f"{blob} is missing, and {name}:{tag} names it.", hint=f"ollama pull {name}:{tag}"
            )
        yield lying(path, blob, sha256=digest[1])
