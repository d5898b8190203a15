"""A model.json: the arguments of vLLM's engine, and what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from ostler.core.triton import finding
from ostler.core.triton.finding import FAIL, WARN, Finding
from ostler.core.triton.repository import MOST_UTILIZATION

TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}")
FETCH = "`ostler pull MODEL` fetches and proves it, `ostler view MODEL` says where it is."
TARGETS = {
    finding.ABSENT: (
        FAIL, "no_weights", "It names {model}, and there is no such folder.",
        FETCH + " A path within a container is looked for here with --mount INSIDE=HERE.",
    ),
    finding.NO_CONFIG: (
        FAIL, "not_transformers", "It names {model}, and there is no config.json in it.",
        "vLLM reads Transformers format: take the repository with -hf in its name.",
    ),
    finding.RAW: (
        FAIL, "raw_checkpoint", "It names {model}, which holds Meta's own checkpoints.",
        "vLLM reads Transformers format: take the repository with -hf in its name.",
    ),
    finding.HUB: (
        WARN, "fetched_at_start", "It names {model}, which vLLM fetches from the hub while it "
        "starts, unproven and with a token in the server's environment.", FETCH,
    ),
    finding.RELATIVE: (
        WARN, "relative_path", "It names {model}, which depends on the folder that tritonserver "
        "is started in.", "Write the whole path.",
    ),
}  # fmt: skip


def read(text: str) -> Mapping[str, object] | str:
    """Return the arguments, or why they cannot be read."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"it is not JSON: {error}"
    return found if isinstance(found, dict) else "it is not a JSON object"


def check(text: str, path: str, kind: str, target: str) -> Iterator[Finding]:
    """Yield what is wrong; `kind` is the model's instance kind, `target` what its path names."""
    found = read(text)
    if isinstance(found, str):
        what = f"vLLM's arguments cannot be read: {found}."
        yield Finding(FAIL, "not_arguments", path, what, "`ostler export triton` writes them.")
        return
    yield from _model(found, path, target)
    yield from _memory(found, path)
    yield from _split(found, path, kind)
    yield from _flags(found, path)
    if TOKEN.search(text) or found.get("hf_token"):
        what = "It holds a token of the hub, which anyone who reads the volume has."
        yield Finding(FAIL, "token", path, what, "End it at the hub; kept weights need none.")


def _model(found: Mapping[str, object], path: str, target: str) -> Iterator[Finding]:
    model = found.get("model")
    if not isinstance(model, str) or not model:
        what = "It names no model, so vLLM would load its own default."
        yield Finding(FAIL, "no_model", path, what, 'Add "model": the folder with the weights.')
    elif target in TARGETS:
        level, code, what, do = TARGETS[target]
        yield Finding(level, code, path, what.format(model=model), do)


def _memory(found: Mapping[str, object], path: str) -> Iterator[Finding]:
    share = found.get("gpu_memory_utilization")
    if share is not None and (isinstance(share, bool) or not isinstance(share, int | float)):
        what = f"gpu_memory_utilization is {share!r}, and it must be a number."
        yield Finding(FAIL, "utilization", path, what, "Write 0.9.")
    elif isinstance(share, int | float) and not 0 < share <= 1:
        what = f"gpu_memory_utilization is {share}, and it is a share of the GPU: above 0, up to 1."
        yield Finding(FAIL, "utilization", path, what, "Write 0.9.")
    elif isinstance(share, int | float) and share > MOST_UTILIZATION:
        what = f"gpu_memory_utilization is {share}: nothing is left for CUDA, NCCL and others."
        yield Finding(WARN, "utilization", path, what, f"Write 0.9, at most {MOST_UTILIZATION}.")
    if not found.get("max_model_len"):
        what = "It sets no max_model_len: the KV cache must hold the model's longest context."
        yield Finding(WARN, "no_context", path, what, "`ostler fit MODEL` says what fits.")


def _split(found: Mapping[str, object], path: str, kind: str) -> Iterator[Finding]:
    gpus = 1
    for name in ("tensor_parallel_size", "pipeline_parallel_size"):
        count = found.get(name, 1)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            what = f"{name} is {count!r}, and it must be a whole number above 0."
            yield Finding(FAIL, "split", path, what, f"Write {name}: 1 or more, without quotes.")
            return
        gpus *= count
    if gpus > 1 and kind != "KIND_MODEL":
        what = f"It spreads the model over {gpus} GPUs, and config.pbtxt says {kind or 'no kind'}."
        yield Finding(FAIL, "kind_model", path, what, "Write kind: KIND_MODEL in config.pbtxt.")


def _flags(found: Mapping[str, object], path: str) -> Iterator[Finding]:
    for name, value in found.items():
        if isinstance(value, str) and value.lower() in ("true", "false"):
            level = FAIL if value.lower() == "false" else WARN
            means = "which counts as true" if level == FAIL else "a text and no boolean"
            what = f"{name} is {json.dumps(value)}, {means}."
            yield Finding(level, "text_for_boolean", path, what,
                          f"Write {value.lower()} without quotes.")  # fmt: skip
    if "disable_log_requests" in found:
        what = "disable_log_requests is refused by vLLM from 0.10 on, and the model does not load."
        yield Finding(WARN, "old_flag", path, what, "Leave it out: requests are not logged now.")
    if found.get("trust_remote_code") not in (None, False):
        what = "It lets code from the model's repository run in the server."
        yield Finding(WARN, "remote_code", path, what, "Leave trust_remote_code out.")
