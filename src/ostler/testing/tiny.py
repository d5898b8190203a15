"""The tiny models that ship with Ostler, ready to be given to an engine.

`tools/tiny_models` makes them: a chat model that answers `hello` to "Say hello" at temperature
0, an embedder and a reranker.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ostler.nouns import Format, Installed, ModelFacts, Served, Task

MODELS = Path(__file__).parent / "models"
NAMES = {Task.CHAT: "tiny-llama", Task.EMBED: "tiny-embed", Task.RERANK: "tiny-rerank"}
CONTEXTS = {Task.CHAT: 2048, Task.EMBED: 256, Task.RERANK: 256}
KINDS = {Task.CHAT: "llama", Task.EMBED: "bert", Task.RERANK: "bert"}
LLAMACPP = Installed(
    "llamacpp", "wheel", (sys.executable, "-I", "-m", "ostler.programs.llamacpp"), "wheel"
)


def gguf(task: Task = Task.CHAT, weights: Path | None = None) -> Served:
    """The GGUF model for a task, or `weights` in its place."""
    folder = MODELS / "ostler" / f"{NAMES[task]}-GGUF"
    file = weights or folder / f"{NAMES[task]}-F32.gguf"
    return Served(
        id=f"ostler/{folder.name}",
        folder=str(folder),
        weights=str(file),
        task=task,
        facts=facts(Format.GGUF, task, [file]),
    )


def safetensors() -> Served:
    """The chat model as a repository of safetensors."""
    folder = MODELS / "ostler" / NAMES[Task.CHAT]
    shards = sorted(folder.glob("*.safetensors"))
    return Served(
        id=f"ostler/{folder.name}",
        folder=str(folder),
        weights=str(shards[0]),
        task=Task.CHAT,
        facts=facts(Format.SAFETENSORS, Task.CHAT, shards),
    )


def facts(form: Format, task: Task, files: list[Path]) -> ModelFacts:
    """What is known of a tiny model without reading it."""
    return ModelFacts(
        format=form,
        architecture=KINDS[task],
        task=task,
        parameters=None,
        weight_bytes=sum(file.stat().st_size for file in files if file.exists()),
        dtype="F32",
        context_length=CONTEXTS[task],
        chat_template=task is Task.CHAT,
    )
