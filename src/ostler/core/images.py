"""Container images of engines: which are known, by digest, and the words that start one inside.

A digest here was read in the files of public projects that name it beside this version; nobody
pulled it for us. It cannot mean other bytes: a wrong one would not be found, and no other image
would run in its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ostler.core.versions import version_of
from ostler.errors import UsageError
from ostler.nouns import Image, Installed

# The program and its first words, as the images of the makers carry them. They are said outright,
# because the images' own entry points have changed between versions.
WORDS = {
    "vllm": ("python3", "-m", "vllm.entrypoints.openai.api_server"),
    "sglang": ("python3", "-m", "sglang.launch_server"),
    "llamacpp": ("/app/llama-server",),
    "infinity": ("infinity_emb", "v2"),
    "triton": ("tritonserver",),
}
# NVIDIA documents it as a part of the image from release 25.02 on.
FRONTEND = ("python3", "/opt/tritonserver/python/openai/openai_frontend/main.py")
FRONTEND_SINCE = (25, 2)
KNOWN = {
    "vllm": "vllm/vllm-openai",
    "sglang": "lmsysorg/sglang",
    "llamacpp": "ghcr.io/ggml-org/llama.cpp",
    "infinity": "michaelf34/infinity",
    "triton": "nvcr.io/nvidia/tritonserver",
}
# (engine, version, kind of device, digest, who says so); the first of an engine that suits.
SEVERAL, ONE = "several public projects pin", "a public project pins"
DIGESTS = (
    ("vllm", "0.27.1", "nvidia",
     "0a51ea5b4ae2dc5d81890e5173f54203d2a3ae0cfffe51b8fd2afd4391bfd967", SEVERAL),
    ("vllm", "0.11.0", "nvidia",
     "014a95f21c9edf6abe0aea6b07353f96baa4ec291c427bb1176dc7c93a85845c", SEVERAL),
    ("sglang", "0.5.18", "nvidia",
     "9e148f5ac788e856a06166bd6347a831831eb9fcfab4d1770874823a7c29a1a1", SEVERAL),
    ("llamacpp", "b11176", "nvidia",
     "1f4b9cf58982dd4d7cc497aea31b1a456ca9a3a1f94f527d317d3fdee0d60ab6", SEVERAL),
    ("llamacpp", "b11176", "cpu",
     "6257697a7f5d034b8fb499ddb07af3e250506352f94102054252a23f3b85e0af", SEVERAL),
    ("triton", "26.07", "nvidia",
     "31e20bfbc65055d6b85553a00d45342a62c506874aa996c11ae53650151f05b1", ONE),
)  # fmt: skip
WHEEL = "ostler.programs.llamacpp"  # an image that starts this takes the wheel's flags
PINNED = re.compile(r"(?:[a-zA-Z0-9][^\s@]*@)?sha256:[0-9a-f]{64}")
UNKNOWN = "unknown"


def known() -> tuple[Image, ...]:
    """Return every image that is known by its digest, newest first."""
    return tuple(
        Image(engine, f"{KNOWN[engine]}@sha256:{digest}", version, _words(engine, version),
              _via(engine, ()), f"for {kind}: {who} it as {version}; it was not pulled here")
        for engine, version, kind, digest, who in DIGESTS
    )  # fmt: skip


def image(
    engine: str,
    reference: str | None = None,
    version: str | None = None,
    words: Sequence[str] = (),
    *,
    gpu: bool = True,
) -> Image:
    """Return the image of an engine: the one that is referred to, else the one that is known.

    Raises UsageError for an engine without known words, and for a reference without a digest.
    """
    if engine not in WORDS and not words:
        raise UsageError(
            f"There is no known container image for {engine}.",
            hint=f"Known are: {', '.join(sorted(WORDS))}. Choose one with --engine.",
        )
    found = None if reference else _find(engine, version, gpu)
    if found:
        return found
    pin = pinned(reference, engine)
    said = version or _said(pin, engine) or UNKNOWN
    start = tuple(words) or _words(engine, said)
    return Image(engine, pin, said, start, _via(engine, start), "you named it")


def _find(engine: str, version: str | None, gpu: bool) -> Image | None:
    kinds = ("nvidia", "cpu") if gpu else ("cpu", "nvidia")
    rows = [
        (kinds.index(row[2]), one)
        for row, one in zip(DIGESTS, known(), strict=True)
        if row[0] == engine and version in (None, row[1])
    ]
    return min(rows, key=lambda pair: pair[0])[1] if rows else None


def _said(reference: str, engine: str) -> str | None:
    """The version of a digest that is known here, whatever it is called."""
    digest = reference.rpartition(":")[2]
    return next((row[1] for row in DIGESTS if (row[0], row[3]) == (engine, digest)), None)


def _words(engine: str, version: str) -> tuple[str, ...]:
    """What starts an engine: Triton by the frontend that speaks the OpenAI API, if it has it."""
    newer = engine == "triton" and version_of(version) >= FRONTEND_SINCE
    return FRONTEND if newer else WORDS[engine]


def _via(engine: str, words: Sequence[str]) -> str:
    if engine != "llamacpp":
        return "image"
    return "wheel" if WHEEL in words else "binary"


def installed(one: Image) -> Installed:
    """Return an engine as its image has it."""
    return Installed(one.engine, one.version, one.words, one.via)


def configured(engine: str, said: Mapping[str, object] | str, *, gpu: bool = True) -> Image:
    """Return the image that the operator's settings name for an engine. Raises UsageError."""
    if isinstance(said, str):
        return image(engine, said, gpu=gpu)
    words = said.get("command") or ()
    return image(
        engine,
        str(said.get("image") or "") or None,
        str(said.get("version") or "") or None,
        tuple(map(str, words)) if isinstance(words, list | tuple) else (),
        gpu=gpu,
    )


def choices(said: Mapping[str, Mapping[str, object] | str], *, gpu: bool) -> dict[str, Image]:
    """Return an image for each engine that has one: what the operator says, else what is known.

    Raises UsageError.
    """
    found = {row[0]: image(row[0], gpu=gpu) for row in DIGESTS}
    return found | {engine: configured(engine, one, gpu=gpu) for engine, one in said.items()}


def inside(engine: str, version: str) -> Installed:
    """Return an engine as its maker's image has it. Raises UsageError where none is known."""
    if engine not in WORDS:
        image(engine)
    return Installed(engine, version, _words(engine, version), _via(engine, ()))


def pinned(reference: str | None, engine: str) -> str:
    """Return the image if it is named by its digest. Raises UsageError otherwise.

    A tag can mean another image tomorrow; what was tried is what must run.
    """
    if reference and PINNED.fullmatch(reference):
        return reference
    name = (reference or KNOWN.get(engine, engine)).partition("@")[0]
    if reference:
        said = f"The image {reference} is not pinned by a digest."
    else:
        said = f"No image was named, and for {engine} no digest is known."
    raise UsageError(
        said,
        hint=f"docker buildx imagetools inspect {name}{'' if ':' in name else ':TAG'} shows it; "
        f"then --image {name.partition(':')[0]}@sha256:...",
    )
