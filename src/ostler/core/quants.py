"""File names to variants: which files together are one servable choice, and which to take.

A name only promises; what a file really holds is read from its header by `core.facts`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ostler.errors import IncompleteShards, QuantizationNotFound
from ostler.nouns import Format, Variant

_SHARD = re.compile(r"(?P<stem>.+)-(?P<index>\d{5})-of-(?P<total>\d{5})(?P<suffix>\.\w+)")

# The types llama.cpp's quantizer writes, with the letters that publishers add to them.
_LABEL = re.compile(
    r"(?<![a-z0-9])((?:ud-)?(?:"
    r"iq[1-8]_(?:xxs|xs|nl|s|m|l|xl)|tq[12]_0|"
    r"q[1-8]_k(?:_(?:xs|s|m|l|xl|xxl))?|q4_0_[48]_[48]|q[1-8]_[01]|q[1-8]|"
    r"bf16|f16|f32|fp32|fp16|fp8|mxfp4(?:_moe)?|nvfp4))(?![a-z0-9])"
)

# From large to small, by the bits per weight that llama.cpp's `llama-quantize --help` states.
LARGEST_FIRST = (
    *("f32", "fp32", "bf16", "f16", "fp16", "q8_k_xl", "q8_0", "q8", "fp8"),
    *("q6_k_xl", "q6_k_l", "q6_k", "q6", "q5_k_xl", "q5_k_l", "q5_1", "q5_k_m", "q5_k"),
    *("q5_k_s", "q5_0", "q5", "q4_k_xl", "q4_k_l", "q4_1", "q4_k_m", "q4_k", "q4_k_s"),
    *("iq4_nl", "q4_0", "q4", "mxfp4_moe", "mxfp4", "nvfp4", "iq4_xs", "q3_k_xl", "q3_k_l"),
    *("q3_k_m", "q3_k", "iq3_m", "iq3_s", "q3_k_s", "q3", "iq3_xs", "iq3_xxs", "q2_k_xl"),
    *("q2_k_l", "q2_k", "q2", "iq2_m", "q2_k_s", "iq2_s", "iq2_xs", "tq2_0", "iq2_xxs"),
    *("iq1_m", "tq1_0", "iq1_s"),
)
DEFAULT = "q4_k_m"

# Where only a family is named (`q4_k`, `q5`, `iq3`): the member taken first.
_FAMILY = re.compile(r"(?:ud-)?(?:i|t)?q[1-8](?:_k)?")
FAMILY_ORDER = (
    *("k_m", "m", "k_s", "s", "k_l", "l", "k_xl", "xl", "k", "0", "1"),
    *("nl", "xs", "k_xs", "xxs"),
)

_PYTORCH = re.compile(r"(?:pytorch_model|adapter_model|model)[\w.-]*\.(?:bin|pth|pt)|.+\.pth")


def label(path: str) -> str | None:
    """Return the quantization a file name promises, as `q4_k_m`; None where it promises none.

    The file's own name counts, else its folder's. The last label in a name wins, because
    publishers write the source type first: `model-f16-q4_k_m.gguf`.
    """
    folder, _, name = path.rpartition("/")
    return _label_in(stem_of(name)) or (_label_in(folder.rpartition("/")[2]) if folder else None)


def _label_in(text: str) -> str | None:
    found: list[str] = _LABEL.findall(re.sub(r"(?<=q\d)-|(?<=_k)-|(?<=-k)-", "_", text.lower()))
    return found[-1] if found else None


def stem_of(path: str) -> str:
    """Return the path without its suffix and without the number of its shard."""
    shard = _SHARD.fullmatch(path)
    return shard["stem"] if shard else path.rpartition(".")[0] or path


def format_of(path: str) -> Format | None:
    """Return how a weight file is stored; None for files that are no servable weights."""
    folder, _, name = path.lower().rpartition("/")
    if name.endswith(".gguf"):
        return None if "mmproj" in name or "imatrix" in name else Format.GGUF
    if folder:
        return None  # parts and copies (`original/`, `1_Dense/`), never the model itself
    if name.endswith(".safetensors"):
        return Format.SAFETENSORS
    return Format.PYTORCH if _PYTORCH.fullmatch(name) else None


def variants(paths: Iterable[str]) -> tuple[Variant, ...]:
    """Group a repository's files into servable choices, shards together, in name order."""
    sets: dict[tuple[Format, str, str], list[str]] = {}
    for path in sorted(paths):
        kind = format_of(path)
        if kind:
            shard = _SHARD.fullmatch(path)
            sets.setdefault((kind, stem_of(path), shard["total"] if shard else ""), []).append(path)
    found = [_variant(kind, files) for (kind, _, _), files in sets.items()]
    gguf = [one for one in found if one.format is Format.GGUF]
    return (
        *_named_apart(gguf),
        *_transformers([one for one in found if one.format is Format.SAFETENSORS]),
        *_pytorch([one for one in found if one.format is Format.PYTORCH]),
    )


def _variant(kind: Format, files: list[str]) -> Variant:
    shard = _SHARD.fullmatch(files[0])
    missing: tuple[str, ...] = ()
    if shard:
        total, present = int(shard["total"]), set(files)
        names = (
            f"{shard['stem']}-{index:05d}-of-{shard['total']}{shard['suffix']}"
            for index in range(1, total + 1)
        )
        missing = tuple(name for name in names if name not in present)
    return Variant("", kind, tuple(files), missing)


_NAMINGS: tuple[Callable[[str], str], ...] = (
    lambda path: label(path) or _plain(stem_of(path.rpartition("/")[2])),
    lambda path: _plain(stem_of(path.rpartition("/")[2])),
    lambda path: _plain(stem_of(path)),
    lambda path: _plain(path),
)


def _named_apart(sets: Sequence[Variant]) -> list[Variant]:
    """Name each by its label; where two would share it, by stem, by path, by first file."""
    names = [""] * len(sets)
    open_ones = set(range(len(sets)))
    for naming in _NAMINGS:
        wished = {at: naming(sets[at].files[0]) for at in open_ones}
        count = Counter(wished.values())
        for at, name in wished.items():
            if count[name] == 1 and name not in names:
                names[at] = name
                open_ones.discard(at)
    for at in open_ones:
        names[at] = f"gguf-{at}"
    return [_renamed(one, name) for one, name in zip(sets, names, strict=True)]


def _plain(text: str) -> str:
    """Fold a file name to the letters that a reference allows after `#`."""
    return re.sub(r"\.\.+", ".", re.sub(r"[^a-z0-9._+-]", "-", text.lower())).lstrip(".+-")[:200]


def _transformers(sets: Sequence[Variant]) -> list[Variant]:
    """The set called `model` is the repository's; others beside it go by their own names."""
    main = [one for one in sets if stem_of(one.files[0]) == "model"]
    main = main or [one for one in sets if not one.files[0].startswith("consolidated")] or [*sets]
    if not main:
        return []
    rest = [one for one in sets if one not in main]
    return [_joined("safetensors", main), *_named_apart(rest)]


def _pytorch(sets: Sequence[Variant]) -> list[Variant]:
    main = [one for one in sets if one.files[0].startswith("pytorch_model")] or [*sets]
    return [_joined("pytorch", main)] if main else []


def _joined(name: str, sets: Sequence[Variant]) -> Variant:
    files = tuple(path for one in sets for path in one.files)
    missing = tuple(path for one in sets for path in one.missing)
    return Variant(name, sets[0].format, files, missing)


def _renamed(one: Variant, name: str) -> Variant:
    return Variant(name, one.format, one.files, one.missing)


def choose(
    choices: Sequence[Variant], wanted: str | None = None, fallback: str = "none"
) -> tuple[Variant, str]:
    """Return the variant to take and the rule that picked it.

    `fallback` is "none" or "down": the next smaller quantization where the wanted one is absent.
    Raises QuantizationNotFound with what exists, IncompleteShards with the files that lack.
    """
    chosen, rule = _asked(choices, wanted.lower(), fallback) if wanted else _unasked(choices)
    if chosen.missing:
        raise IncompleteShards(
            f"{chosen.name} is split and the repository lacks {len(chosen.missing)} of its "
            f"{len(chosen.files) + len(chosen.missing)} parts: {_list(chosen.missing)}.",
            hint="Choose another quantization with #name, or tell the owner of the repository.",
            variant=chosen.name,
            missing=list(chosen.missing),
        )
    return chosen, rule


def _asked(choices: Sequence[Variant], wanted: str, fallback: str) -> tuple[Variant, str]:
    by_name = {one.name: one for one in choices}
    if wanted in by_name:
        return by_name[wanted], f"{wanted} was asked for"
    by_stem = [one for one in choices if _NAMINGS[1](one.files[0]) == wanted]
    if len(by_stem) == 1:
        return by_stem[0], f"{wanted} was asked for"
    family = [name for name in by_name if name.startswith(f"{wanted}_")]
    if _FAMILY.fullmatch(wanted) and family:
        ends = [suffix for suffix in FAMILY_ORDER if f"{wanted}_{suffix}" in family]
        name = f"{wanted}_{ends[0]}" if ends else family[0]
        order = "the order is _m, _s, _l, _xl, _0, _1"
        return by_name[name], f"{wanted} means {name}: of {_list(sorted(family))}, {order}"
    if fallback == "down" and (smaller := _next(choices, wanted, larger=False)):
        return smaller, f"there is no {wanted}; {smaller.name} is the next smaller one"
    raise QuantizationNotFound(
        f"There is no {wanted} here; available: {_list(sorted(one.name for one in choices))}.",
        hint="Name one of these with #name; `ostler pull` takes --quant-fallback down, too.",
        wanted=wanted,
        available=sorted(one.name for one in choices),
    )


def _unasked(choices: Sequence[Variant]) -> tuple[Variant, str]:
    if len(choices) == 1:
        return choices[0], f"{choices[0].name} is the only one here"
    by_name = {one.name: one for one in choices}
    gguf = [one for one in choices if one.format is Format.GGUF]
    if DEFAULT in by_name:
        return by_name[DEFAULT], f"{DEFAULT} is the default, small and close to the original"
    if larger := _next(gguf, DEFAULT, larger=True):
        return larger, f"there is no {DEFAULT}, the default; {larger.name} is the next larger one"
    if smaller := _next(gguf, DEFAULT, larger=False):
        return smaller, f"nothing is as large as {DEFAULT}; {smaller.name} is the next smaller one"
    for name, rule in _BY_FORMAT:
        if name in by_name:
            return by_name[name], rule
    raise QuantizationNotFound(
        f"Which of these? {_list(sorted(by_name))}." if choices else "There are no weights here.",
        hint="Name one with #name." if choices else "`ostler files` lists the files.",
        wanted=None,
        available=sorted(by_name),
    )


_BY_FORMAT = (
    ("safetensors", "safetensors is preferred over other copies of the same weights"),
    ("pytorch", "pytorch is the only format here that is the whole model"),
)


def _next(choices: Sequence[Variant], wanted: str, *, larger: bool) -> Variant | None:
    """Return the closest choice by size above or below the wanted label; None without one."""
    rank = _rank(wanted)
    if rank is None:
        return None
    ranked = {at: one for one in reversed(choices) if (at := _rank(one.name)) is not None}
    above = max((at for at in ranked if at < rank), default=None)
    below = min((at for at in ranked if at > rank), default=None)
    at = above if larger else below
    return None if at is None else ranked[at]


def _rank(name: str) -> int | None:
    plain = name.removeprefix("ud-")
    return LARGEST_FIRST.index(plain) if plain in LARGEST_FIRST else None


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
