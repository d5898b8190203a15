"""What a bundle says of itself: an OCI image layout whose layers are a model's files.

`oci-layout`, `index.json`, one OCI manifest and one configuration for each model, then every
content under `blobs/sha256/<hash>`. So tools for OCI artifacts read it too, and the order lets it
be written and read as one stream. See github.com/opencontainers/image-spec.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ostler.core import hashes, paths, refs
from ostler.errors import CorruptFile, OstlerError, UnsafePath
from ostler.nouns import KeptFile, Manifest

LAYOUT = b'{"imageLayoutVersion": "1.0.0"}'
LAYOUT_NAME, INDEX_NAME, BLOBS = "oci-layout", "index.json", "blobs/sha256/"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.ostler.model.v1+json"
LAYER = "application/octet-stream"
TITLE = "org.opencontainers.image.title"
REF = "org.opencontainers.image.ref.name"

LARGEST_INDEX = 4 * 2**20  # bytes; some ten thousand models
LARGEST_TEXT = 64 * 2**20  # bytes; the manifest of a model with 200,000 files

_NAME = re.compile(r"blobs/sha256/([0-9a-f]{64})")
_TIME = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(?:\.\d+)?\+00:00")


@dataclass(frozen=True, slots=True)
class Head:
    """The small texts that begin a bundle, {name: content}, in their order."""

    texts: Mapping[str, bytes]
    contents: tuple[KeptFile, ...]  # each content once, in the order of the stream

    @property
    def size(self) -> int:
        """Bytes of all contents; the stream has a little more."""
        return sum(file.size for file in self.contents)


def head(models: Iterable[Manifest]) -> Head:
    """Return what a bundle of these models begins with, and the contents that follow."""
    texts: dict[str, bytes] = {}
    listed = []
    known = tuple(models)
    for model in known:
        config = _text(asdict(model))
        manifest = _text(_oci(model, config))
        listed.append(
            {
                **_descriptor(MANIFEST, manifest),
                "annotations": {REF: f"{model.name}:{model.commit}"},
            }
        )
        for text in (manifest, config):
            texts[BLOBS + hashlib.sha256(text).hexdigest()] = text
    index = _text({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed})
    contents = {file.sha256: file for model in known for file in model.files}
    return Head({LAYOUT_NAME: LAYOUT, INDEX_NAME: index, **texts}, tuple(contents.values()))


def _oci(model: Manifest, config: bytes) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": CONFIG,
        "config": _descriptor(CONFIG, config),
        "layers": [
            {
                "mediaType": LAYER,
                "digest": f"sha256:{file.sha256}",
                "size": file.size,
                "annotations": {TITLE: file.path},
            }
            for file in model.files
        ],
    }


def _descriptor(kind: str, text: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
    return {"mediaType": kind, "digest": digest, "size": len(text)}


def _text(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()


def digest_in(name: str) -> str:
    """Return the sha256 that a member's name carries. Raises UnsafePath for any other name."""
    found = _NAME.fullmatch(name)
    if not found:
        raise UnsafePath(
            f"The bundle holds {name[:120]!r}, and a bundle holds nothing of that name.",
            hint="Nothing was imported. `ostler bundle create` makes bundles.",
            path=name,
        )
    return found[1]


def listed(index: bytes) -> dict[str, int]:
    """Return {sha256: bytes} of the OCI manifests that an index names. Raises CorruptFile."""
    return {_digest(one): _size(one) for one in _listing(_json(index, "index.json"), "manifests")}


def config_of(manifest: bytes) -> tuple[str, int]:
    """Return (sha256, bytes) of the configuration that an OCI manifest names."""
    config = _json(manifest, "a manifest").get("config")
    if not isinstance(config, dict) or config.get("mediaType") != CONFIG:
        raise _corrupt("a manifest is of no model")
    return _digest(config), _size(config)


def model_of(config: bytes) -> Manifest:
    """Return the model that a configuration describes, every name in it checked.

    Raises CorruptFile, and UnsafePath for a file name that could lead out of its folder or that
    differs from another in case alone.
    """
    raw = _json(config, "a configuration")
    try:
        files = tuple(KeptFile(**file) for file in raw["files"])
        raw |= {key: tuple(map(str, raw[key])) for key in ("revisions", "aliases", "tags")}
        model = Manifest(**raw | {"files": files})
        refs.parse(f"hf:{model.name}")
        commit = hashes.COMMIT.fullmatch(model.commit)
        sound = commit and all(map(_sound, files)) and _described(model)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise _corrupt(f"a configuration is not what it must be ({error})") from None
    except OstlerError as error:
        raise _corrupt(error.what) from None
    if not sound or not re.fullmatch(r"[a-z]{1,20}", model.source):
        raise _corrupt("a configuration holds what is no hash, size, commit or source")
    paths.refuse_unsafe(file.path for file in files)
    for name in (*model.revisions, *model.aliases):
        _plain(name)
    return model


def _described(model: Manifest) -> bool:
    """Say whether what the model says of itself is text, and its time a time."""
    words = (model.licence, model.gated, model.task)
    texts = (model.pulled_at, model.origin, model.tool)
    plain = all(word is None or isinstance(word, str) for word in words)
    timed = not model.pulled_at or _TIME.fullmatch(model.pulled_at)
    return bool(
        plain
        and all(isinstance(text, str) for text in texts)
        and isinstance(model.private, bool)
        and timed
    )


def _sound(file: KeptFile) -> bool:
    plain = isinstance(file.path, str) and isinstance(file.blocks, str)
    sized = isinstance(file.size, int) and 0 <= file.size < 2**63
    git = file.git_sha1 is None or hashes.SHA1.fullmatch(file.git_sha1)
    return bool(plain and sized and git and hashes.SHA256.fullmatch(file.sha256))


def _plain(name: str) -> None:
    """Raise CorruptFile for a branch or former name that could not be one."""
    try:
        refs.parse(f"a/b@{name}")
    except OstlerError as error:
        raise _corrupt(error.what) from None


def _json(text: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _corrupt(f"{what} is not JSON") from None
    if not isinstance(found, dict):
        raise _corrupt(f"{what} is no JSON object")
    return found


def _listing(raw: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = raw.get(key)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _corrupt(f"it lists no {key}")
    return found


def _digest(descriptor: dict[str, Any]) -> str:
    kind, _, digest = str(descriptor.get("digest")).partition(":")
    if kind != "sha256" or not hashes.SHA256.fullmatch(digest):
        raise _corrupt("a digest is no sha256")
    return digest


def _size(descriptor: dict[str, Any]) -> int:
    size = descriptor.get("size")
    if not isinstance(size, int) or not 0 <= size <= LARGEST_TEXT:
        raise _corrupt("a size is none, or too large for a text")
    return size


def _corrupt(why: str) -> CorruptFile:
    return CorruptFile(
        f"This is not a bundle, or it is damaged: {why}.",
        hint="Nothing was imported. Fetch the file again.",
        reason=why,
    )
