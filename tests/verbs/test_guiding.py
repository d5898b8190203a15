"""The guide: a view of the catalogue, with what others wrote in front of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ostler.core.guide import select, size_class
from ostler.errors import CorruptFile, UsageError
from ostler.verbs import guiding

MODEL: dict[str, Any] = {
    "base_model_id": "ours/model",
    "use_case": ["coding"],
    "size_category": "very_large",
    "variants": [
        {
            "platform": "cpu",
            "variant_repo": "ours/model-GGUF",
            "variant_type": "gguf",
            "recommended_file": "model-Q6_K.gguf",
            "minimum_vram": 12,
        }
    ],
}


def test_for_a_use_and_a_platform_each_with_what_to_take(tmp_path: Path) -> None:
    found = select(guiding.advice(tmp_path), "coding", "cpu", None)
    by_model = {one.model: one for one in found}
    assert by_model["qwen2.5-coder-7b"].take == "Qwen/Qwen2.5-Coder-7B-Instruct-GGUF#q4_k_m"
    sizes = [one.memory for one in found if one.memory]
    assert sizes == sorted(sizes)
    assert all("coding" in one.uses and one.platform == "cpu" for one in found)
    assert 4e9 < (by_model["qwen2.5-coder-7b"].memory or 0) < 7e9
    nvidia = {one.model: one.take for one in select(guiding.advice(tmp_path), None, "nvidia", None)}
    assert nvidia["codellama-34b"] == "codellama/CodeLlama-34b-Instruct-hf"  # nothing else is said
    assert nvidia["qwen2.5-coder-7b"] == "Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"
    assert {one.size for one in select(guiding.advice(tmp_path), None, None, "small")} == {"small"}


def test_imported_replaced_and_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "guide-of-others.json"
    file.write_text(json.dumps({"entries": [MODEL]}))
    planned = guiding.plan_import(file)
    assert guiding.imported(tmp_path) == ()
    guiding.carry_out(tmp_path, planned, replace=False)
    (one,) = guiding.imported(tmp_path)
    assert (one.model, one.take, one.size, one.memory) == (
        "ours/model", "ours/model-GGUF --include model-Q6_K.gguf", "very large", 12 * 10**9,
    )  # fmt: skip
    file.write_text(json.dumps([MODEL | {"base_model_id": "ours/other"}]))
    guiding.carry_out(tmp_path, guiding.plan_import(file), replace=False)
    assert [one.model for one in guiding.imported(tmp_path)] == ["ours/other", "ours/model"]
    guiding.carry_out(tmp_path, guiding.plan_import(file), replace=True)
    assert [one.model for one in guiding.imported(tmp_path)] == ["ours/other"]
    assert "ours/other" in {one.model for one in guiding.advice(tmp_path)}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        ["x"],
        "x",
        [{"name": "x", "use_case": ["a"]}],
        [MODEL | {"variants": [{"platform": "abacus", "variant_repo": "a/b"}]}],
        [MODEL | {"variants": [{"platform": "cpu", "variant_repo": "../../etc"}]}],
    ],
)
def test_what_is_no_guide(tmp_path: Path, wrong: Any) -> None:
    file = tmp_path / "g.json"
    file.write_text(json.dumps(wrong))
    with pytest.raises(UsageError):
        guiding.plan_import(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        guiding.plan_import(tmp_path / "none.json")
    guiding.kept_in(tmp_path).write_text('[{"model": "x"}]')
    with pytest.raises(CorruptFile, match="is damaged"):
        guiding.advice(tmp_path)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (None, "unknown"),
        (1, "small"),
        (4 * 10**9, "medium"),
        (15 * 10**9, "large"),
        (10**12, "very large"),
    ],
)
def test_size_classes(parameters: int | None, name: str) -> None:
    assert size_class(parameters) == name
