"""README front matter -> the card, and the tags that a hub makes of it.

The text comes from whoever made the model, so nothing in it is trusted: no aliases (a few
lines can stand for gigabytes), no surprises in types, and what cannot be read is no card.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

README = "README.md"
MAX_FRONT_MATTER = 64 * 1024  # characters; the longest cards on the Hub have a few thousand

# File endings that the Hub turns into a tag of the library they belong to.
LIBRARY_TAGS = {
    ".safetensors": "safetensors",
    ".gguf": "gguf",
    ".onnx": "onnx",
    ".msgpack": "jax",
    ".h5": "tf",
    ".bin": "pytorch",
}


def front_matter(readme: str) -> dict[str, Any]:
    """Return the card at the head of a README; empty where there is none that can be read."""
    lines = readme[:MAX_FRONT_MATTER].splitlines()
    if not lines or lines[0].rstrip() != "---":
        return {}
    ends = [number for number, line in enumerate(lines) if number and line.rstrip() == "---"]
    if not ends:
        return {}
    try:
        card = yaml.load("\n".join(lines[1 : ends[0]]), Loader=_PlainLoader)  # noqa: S506
        return plain(card) if isinstance(card, dict) else {}
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}


def licence(card: Mapping[str, Any]) -> str | None:
    """Return the card's licence; where that is `other`, the name the card gives it."""
    stated = card.get("license")
    if stated == "other":
        stated = card.get("license_name") or stated
    return ", ".join(_texts(stated)) or None


def task(card: Mapping[str, Any]) -> str | None:
    """Return what the card says the model is for, as a pipeline tag."""
    stated = card.get("pipeline_tag")
    return str(stated) if stated else None


def plain(value: Any) -> Any:
    """Return the value with nothing in it that JSON has no form for."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def tags(card: Mapping[str, Any], paths: Iterable[str]) -> tuple[str, ...]:
    """Return the tags a hub shows and filters by, each once, in the Hub's own order."""
    endings = tuple(paths)
    found = [str(card["library_name"])] if card.get("library_name") else []
    found += [
        tag for ending, tag in LIBRARY_TAGS.items() if any(p.endswith(ending) for p in endings)
    ]
    found += [str(card["pipeline_tag"])] if card.get("pipeline_tag") else []
    found += _texts(card.get("tags")) + _texts(card.get("language"))
    found += [f"base_model:{name}" for name in _texts(card.get("base_model"))]
    found += [f"license:{name}" for name in _texts(card.get("license"))]
    return tuple(dict.fromkeys(found))


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


class _PlainLoader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)
