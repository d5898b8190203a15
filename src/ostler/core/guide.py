"""The guide: for a use and a platform, which repository to take of which model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ostler.core.catalogue import PLATFORMS, Edition, Entry
from ostler.core.refs import parse as parse_ref
from ostler.core.weighing import BITS, GGUF
from ostler.errors import BadRef, UsageError

BILLION = 10**9
# A model's size class, by its parameters.
CLASSES = (("small", 4), ("medium", 15), ("large", 80))
WEIGHED = {"4bit": "int4", "8bit": "int8"}  # MLX's names of quantizations


@dataclass(frozen=True, slots=True)
class Advice:
    """What to take of one model on one platform."""

    model: str
    uses: tuple[str, ...]
    platform: str
    take: str  # a reference that `ostler pull` understands
    variant: str
    size: str = "unknown"  # "small", "medium", "large", "very large"
    memory: int | None = None  # bytes for one request; None: not known
    origin: str = "catalogue"


def size_class(parameters: int | None) -> str:
    """Return the size class of a model of so many parameters."""
    if parameters is None:
        return "unknown"
    found = (name for name, most in CLASSES if parameters < most * BILLION)
    return next(found, "very large")


def editions(entry: Entry, held: str | None) -> list[Edition]:
    """Return what to take on each platform; the model's own repository where nothing else is said.

    `held` is the quantization of its own files. GGUF is for CPUs, anything else for GPUs.
    """
    own = Edition("cpu" if held in GGUF else "nvidia", entry.repo, held or "", "its own files")
    others = list(entry.editions)
    return others if own.platform in {one.platform for one in others} else [own, *others]


def weighed_as(variant: str) -> str | None:
    """Return the quantization by which an edition is weighed; None where it is not known."""
    named = WEIGHED.get(variant, variant)
    return named if named in BITS else None


def reference(edition: Edition) -> str:
    """Return what `ostler pull` is given for an edition."""
    return f"{edition.repo}#{edition.variant}" if edition.variant in GGUF else edition.repo


def select(
    found: Iterable[Advice], use: str | None, platform: str | None, size: str | None
) -> list[Advice]:
    """Return the advice for a use, a platform and a size class, the smallest first."""
    chosen = [
        one
        for one in found
        if use in (None, *one.uses)
        and platform in (None, one.platform)
        and size in (None, one.size)
    ]
    return sorted(chosen, key=lambda one: (one.memory is None, one.memory or 0, one.model))


def read(document: Any) -> tuple[Advice, ...]:
    """Return the advice of an imported guide: a list of models, each with its variants.

    Each has `base_model_id` or `name`, `use_case` (a list) and `variants`, each of these
    `platform`, `variant_repo`, `variant_type` and, in GB, `minimum_vram`. Raises UsageError.
    """
    models = document.get("entries") if isinstance(document, Mapping) else document
    if not isinstance(models, Sequence) or isinstance(models, str) or not models:
        raise UsageError("A guide is a list of models, or has it under `entries`.")
    try:
        return tuple(_imported(model, variant) for model in models for variant in model["variants"])
    except (KeyError, TypeError, ValueError, AttributeError, BadRef) as error:
        raise UsageError(
            f"The guide cannot be read: {type(error).__name__}: {error}",
            hint="Each model has name, use_case and variants with platform and variant_repo.",
        ) from error


def _imported(model: Mapping[str, Any], variant: Mapping[str, Any]) -> Advice:
    repo = parse_ref(str(variant["variant_repo"])).name
    platform = str(variant["platform"]).lower()
    if platform not in PLATFORMS:
        raise ValueError(f"{platform!r} is none of {', '.join(PLATFORMS)}")
    file = str(variant.get("recommended_file") or "")
    vram = variant.get("minimum_vram")
    return Advice(
        model=str(model.get("base_model_id") or model["name"]),
        uses=tuple(str(use) for use in model["use_case"]),
        platform=platform,
        take=f"{repo} --include {file}" if file else repo,
        variant=str(variant.get("variant_type") or ""),
        size=str(model.get("size_category") or "unknown").replace("_", " "),
        memory=None if vram is None else int(float(vram) * BILLION),
        origin="imported",
    )


def written(found: Iterable[Advice]) -> list[dict[str, Any]]:
    """Return advice as it is kept in a file."""
    return [asdict(one) for one in found]


def reread(rows: Iterable[Mapping[str, Any]]) -> tuple[Advice, ...]:
    """Return advice from what `written` gave. Raises KeyError, TypeError."""
    return tuple(Advice(**{**row, "uses": tuple(row["uses"])}) for row in rows)
