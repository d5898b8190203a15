"""Older systems' files are read as data: nothing of them runs, and no secret is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import foreign
from ostler.errors import UsageError

GUIDE = """
import os
raise SystemExit("it ran")
MODEL_CONFIGS = {
    # ... existing models ...
    "new_model_0": {
        "model_path": "/path/to/models/new-model",
        "gpu": 0,
        "max_model_len": 8192,
        "max_concurrent": 3,
        "dtype": "float16",
        "quantization": None,  # or "awq" for quantized
    },
    "qwen_72b_dual": {"model_path": "/m/Qwen2.5-72B-Instruct-AWQ/", "quantization": "awq",
                      "gpu": [0, 1]},
    "computed": {"model_path": os.environ["X"]},
    "typo": {"model_path": "/m/x", "max_model_length": 1},
    "negative": {"model_path": "/m/x", "max_model_len": -1},
    "none": {"gpu": 1},
}
"""


def test_the_guides_own_entry_is_read_and_no_code_runs() -> None:
    found = foreign.model_configs(GUIDE, "config.py")
    first, second = found.entries
    assert first == foreign.Entry(
        "new_model_0", "/path/to/models/new-model", (0,), 8192, 3, "float16", None
    )
    assert (second.folder, second.gpus) == ("Qwen2.5-72B-Instruct-AWQ", (0, 1))
    assert set(found.faults) == {"computed", "typo", "negative", "none"}
    assert "Line 16" in found.faults["computed"]
    assert "max_model_length" in found.faults["typo"]


@pytest.mark.parametrize("text", ["x = (", "MODEL_CONFIGS = load()", "OTHER = {}", "\0"])
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        foreign.model_configs(text, "config.py")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert foreign.model_configs(f"MODEL_CONFIGS = {text}", "f").entries is not None
    except UsageError as refused:
        assert refused.what  # noqa: PT017


def test_soongs_models_are_taken_and_secrets_named_only() -> None:
    found = foreign.soong(
        {
            "lambda": {"api_key": "sk-1", "default_region": "us-west-1"},
            "custom_models": {
                "good": {"hf_path": "a/b", "params_billions": 7, "quantization": "int4",
                         "context_length": 8192, "name": "Good", "good_for": ["chat"]},
                "bad": {"hf_path": "a/b", "params_billions": 0, "quantization": "int4",
                        "context_length": 8192},
                "none": None,
            },
        }
    )  # fmt: skip
    assert list(found.models) == ["good"]
    assert set(found.faults) == {"bad", "none"}
    assert found.left == ("lambda.api_key (a secret)", "lambda.default_region")
    assert "sk-1" not in repr(found)


@pytest.mark.parametrize("data", [None, [], {"custom_models": [1]}])
def test_a_file_without_models_is_told(data: object) -> None:
    with pytest.raises(UsageError, match="custom_models"):
        foreign.soong(data)
