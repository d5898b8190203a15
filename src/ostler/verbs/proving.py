"""Hold weights that were made here against what they were made from, and try them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ostler.core import quants
from ostler.core.sizes import counted
from ostler.errors import CorruptFile
from ostler.nouns import ModelFacts, Served, Task, Variant, Workload
from ostler.ports import Launcher
from ostler.verbs.chat import Endpoint, reply
from ostler.verbs.hold import HOST
from ostler.verbs.inspect import folder_facts
from ostler.verbs.prepare import Machine, choose_engine
from ostler.verbs.start import start

SAME = {
    "layers": "layers",
    "hidden": "numbers per token",
    "heads": "attention heads",
    "kv_heads": "KV heads",
    "vocabulary": "tokens in its vocabulary",
}
PROMPT, LENGTH = "Say hello", 24  # a question, and the tokens of an answer to look at


@dataclass(frozen=True, slots=True)
class Made:
    """A model that was made here and is not kept yet."""

    folder: Path
    variant: Variant
    facts: ModelFacts


def held_against(before: ModelFacts, folder: Path) -> Made:
    """Read the result's headers and compare its shape with the original's.

    Raises CorruptFile where a file does not open, is missing, or has another shape.
    """
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    found = quants.variants(files)
    if len(found) != 1 or found[0].missing:
        raise CorruptFile(f"The tool wrote {counted(len(found), 'model')}, and one was asked for.")
    after = folder_facts(folder, found[0])
    for field, words in SAME.items():
        old, new = getattr(before, field), getattr(after, field)
        if old is not None and new is not None and old != new:
            raise CorruptFile(f"The result has {new} {words}, and the original has {old}.")
    same_format = before.format is after.format and not before.quantization
    if same_format and not after.quantization and before.dtype == after.dtype:
        raise CorruptFile(f"The tool left the weights as they were, {after.dtype}.")
    return Made(folder, found[0], after)


async def tried(
    made: Made, name: str, machine: Machine, launcher: Launcher, port: int, log: str,
    workload: Workload,
) -> str:  # fmt: skip
    """Start the result, ask it something, stop it; return which engine said what.

    Raises EngineUnsupported where no engine here can run it, EngineFailed, StartupTimeout.
    """
    choice = choose_engine(made.facts, machine)
    served = Served(
        id=name,
        folder=str(made.folder),
        weights=str(made.folder / made.variant.files[0]),
        task=made.facts.task or Task.CHAT,
        facts=made.facts,
    )
    engine = machine.engine(choice.engine)
    spec = engine.launch(choice.installed, served, workload, HOST, port)
    process = await start(spec, launcher, log, engine=engine)
    try:
        if served.task is not Task.CHAT or not made.facts.chat_template:
            return f"{choice.engine} started it, and it answered."
        at = Endpoint(spec.host, spec.port, spec.model_name)
        asked = [{"role": "user", "content": PROMPT}]
        said = [piece.text async for piece in reply(at, asked, max_tokens=LENGTH, temperature=0.0)]
        return f"{choice.engine} runs it; to {PROMPT!r} it says {''.join(said).strip()!r}."
    finally:
        await process.stop()
