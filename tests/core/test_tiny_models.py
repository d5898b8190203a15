"""The shipped models, read as any other: what torch counted is what their headers say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ostler import testing
from ostler.core.facts import facts
from ostler.core.headers import read
from ostler.core.quants import variants
from ostler.nouns import Format, ModelFacts, Task, TensorTable

MODELS = Path(testing.__file__).parent / "models"
EXPECTED = json.loads((MODELS / "expected.json").read_text())["models"]
TASKS = {
    "ostler/tiny-llama": Task.CHAT,
    "ostler/tiny-embed": Task.EMBED,
    "ostler/tiny-rerank": Task.RERANK,
}


def table(format: Format, path: Path) -> TensorTable:
    raw = path.read_bytes()
    answer = read(format, raw, len(raw))
    assert isinstance(answer, TensorTable)
    return answer


def content(folder: Path, name: str) -> object:
    path = folder / name
    return json.loads(path.read_text()) if path.exists() else None


def all_facts(name: str) -> dict[str, ModelFacts]:
    """Return the facts of each variant in a shipped repository."""
    folder = MODELS / name
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return {
        one.name: facts(
            one.format,
            [table(one.format, folder / path) for path in one.files],
            content(folder, "config.json"),
            tokenizer_config=content(folder, "tokenizer_config.json"),
            modules=content(folder, "modules.json"),
        )
        for one in variants(paths)
    }


@pytest.mark.parametrize("name", TASKS)
def test_safetensors_hold_what_torch_counted(name):
    (found,) = all_facts(name).values()
    assert found.parameters == EXPECTED[name]["parameters"]
    assert found.task is TASKS[name]
    assert found.unknown == ()


@pytest.mark.parametrize("name", TASKS)
def test_gguf_says_the_same_of_the_model(name):
    (original,) = all_facts(name).values()
    for found in all_facts(f"{name}-GGUF").values():
        assert found.task is TASKS[name]
        assert found.unknown == ()
        assert found.attention == original.attention
        for fact in ("context_length", "layers", "hidden", "kv_heads", "head_dim", "vocabulary"):
            assert getattr(found, fact) == getattr(original, fact), fact


def test_every_quantization_of_the_chat_model_has_its_name_and_count():
    count = EXPECTED["ostler/tiny-llama"]["parameters"]
    found = all_facts("ostler/tiny-llama-GGUF")
    assert {one.quantization or (one.dtype or "").lower() for one in found.values()} == set(found)
    assert {one.parameters for one in found.values()} == {count}
    assert all(one.chat_template for one in found.values())
