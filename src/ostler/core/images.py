"""Container images of engines: the words that start one inside, and which names are refused."""

from __future__ import annotations

import re

from ostler.errors import UsageError
from ostler.nouns import Installed

# The program and its first words, as the images of the makers carry them. They are said outright,
# because the images' own entry points have changed between versions.
WORDS = {
    "vllm": ("python3", "-m", "vllm.entrypoints.openai.api_server"),
    "sglang": ("python3", "-m", "sglang.launch_server"),
    "llamacpp": ("/app/llama-server",),
}
KNOWN = {
    "vllm": "vllm/vllm-openai",
    "sglang": "lmsysorg/sglang",
    "llamacpp": "ghcr.io/ggml-org/llama.cpp",
}
PINNED = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


def inside(engine: str, version: str) -> Installed:
    """Return an engine as its image has it. Raises UsageError for one without a known image."""
    if engine not in WORDS:
        raise UsageError(
            f"There is no known container image for {engine}.",
            hint=f"Known are: {', '.join(sorted(WORDS))}. Choose one with --engine.",
        )
    return Installed(engine, version, WORDS[engine], "binary" if engine == "llamacpp" else "image")


def pinned(image: str | None, engine: str) -> str:
    """Return the image if it is named by its digest. Raises UsageError otherwise.

    A tag can mean another image tomorrow; what was tried is what must run.
    """
    if image and PINNED.fullmatch(image):
        return image
    name = (image or KNOWN.get(engine, engine)).partition("@")[0]
    said = f"The image {image} is not pinned by a digest." if image else "No image was named."
    raise UsageError(
        said,
        hint=f"docker buildx imagetools inspect {name}:TAG shows it; then --image "
        f"{name.partition(':')[0]}@sha256:...",
    )
