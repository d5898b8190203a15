"""A model's config.pbtxt: what Triton refuses in it, and what the vLLM backend needs of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ostler.core.triton.finding import FAIL, WARN, Finding
from ostler.core.triton.pbtxt import BadText, Message, Word, parse

TYPES = frozenset(
    f"TYPE_{name}"
    for name in (
        *("INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32"),
        *("INT64", "FP16", "FP32", "FP64", "BF16", "STRING"),
    )
)
KINDS = frozenset(("KIND_AUTO", "KIND_GPU", "KIND_CPU", "KIND_MODEL"))
ANEW = "`ostler export triton MODEL -o DIR` writes one that is right."


@dataclass(frozen=True, slots=True)
class Config:
    """What of a config.pbtxt other files are held against."""

    backend: str
    kind: str  # of its first instance group; empty where there is none
    findings: tuple[Finding, ...]


def read(text: str, path: str, folder: str) -> Config:
    """Return what a config.pbtxt says of the model in `folder`, and what is wrong with it."""
    try:
        found = parse(text)
    except BadText as error:
        what = f"Triton cannot read it: {error} (line:column)."
        return Config("", "", (Finding(FAIL, "not_a_config", path, what, ANEW),))
    backend = found.last("backend")
    said = backend if isinstance(backend, str) else ""
    problems = [*_of_any(found, path, folder)]
    if said == "vllm":
        problems += _of_vllm(found, path)
    return Config(said, _kind(found), tuple(problems))


def _of_any(found: Message, path: str, folder: str) -> Iterator[Finding]:
    if not found.last("backend") and not found.last("platform"):
        what = "It names no backend, so Triton cannot tell what runs the model."
        yield Finding(FAIL, "no_backend", path, what, 'Add the line: backend: "vllm".')
    name = found.last("name")
    if name is not None and name != folder:
        what = f"It names the model {name!r}, and its folder is {folder!r}: Triton wants one name."
        yield Finding(FAIL, "other_name", path, what, f'Write name: "{folder}", or no name.')
    for tensor in (*found.messages("input"), *found.messages("output")):
        kind = tensor.last("data_type")
        if isinstance(kind, Word) and kind.name not in TYPES:
            what = f"{kind.name} is no data type of Triton."
            yield Finding(FAIL, "unknown_type", path, what, f"Known are: {_list(TYPES)}.")
    for group in found.messages("instance_group"):
        kind = group.last("kind")
        if isinstance(kind, Word) and kind.name not in KINDS:
            what = f"{kind.name} is no kind of instance."
            yield Finding(FAIL, "unknown_kind", path, what, f"Known are: {_list(KINDS)}.")


def _of_vllm(found: Message, path: str) -> Iterator[Finding]:
    yield from _decoupled(found, path)
    batch = found.last("max_batch_size")
    if isinstance(batch, int) and batch > 0:
        what = f"max_batch_size is {batch}, and vLLM puts batches together itself."
        yield Finding(FAIL, "batched", path, what, "Write max_batch_size: 0.")
    for tensor in found.messages("input"):
        if tensor.last("name") == "stream" and not _true(tensor.last("optional")):
            what = "Its input `stream` is not optional: a request that leaves it out is refused."
            yield Finding(WARN, "stream_needed", path, what, "Add optional: true to it.")
    for group in found.messages("instance_group"):
        count = group.last("count")
        if isinstance(count, int) and count > 1:
            what = f"It asks for {count} instances, and each loads the weights once more."
            yield Finding(WARN, "many_instances", path, what, "Write count: 1; vLLM serves many.")


def _decoupled(found: Message, path: str) -> Iterator[Finding]:
    policies = found.messages("model_transaction_policy")
    said = policies[-1].last("decoupled") if policies else None
    do = "Write model_transaction_policy { decoupled: True }."
    if said is None:
        what = "It says nothing of decoupled; the backend fills that in unless the server is told "
        yield Finding(WARN, "decoupled_unsaid", path, f"{what}not to complete configurations.", do)
    elif not _true(said):
        what = "decoupled is off, and vLLM sends several answers to one request."
        yield Finding(FAIL, "not_decoupled", path, what, do)


def _kind(found: Message) -> str:
    groups = found.messages("instance_group")
    kind = groups[0].last("kind") if groups else None
    return kind.name if isinstance(kind, Word) else ""


def _true(value: object) -> bool:
    return value == 1 if isinstance(value, int) else isinstance(value, Word) and bool(value.truth)


def _list(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))
