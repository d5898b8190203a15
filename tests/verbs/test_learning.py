"""What a start took, from its log and its process."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ostler.nouns import Workload
from ostler.probe.processes import gpu_bytes, memory_of
from ostler.verbs.learning import Reading, lines_from, measure

LOGS = Path(__file__).parents[1] / "core/logs"
HERE = Reading(memory_of, lambda pid: 5 * 2**30)
MIB = 2**20


def asked(engine: str, kind: str) -> tuple[Any, Any]:
    """A kept model and how it was to be started, as far as measuring needs to know them."""
    manifest = SimpleNamespace(name="org/a", commit="c0ffee")
    named = SimpleNamespace(manifest=manifest, variant=SimpleNamespace(name="q8_0"))
    device = SimpleNamespace(kind=kind, id="cpu" if kind == "cpu" else "nvidia:0")
    prepared = SimpleNamespace(
        served=SimpleNamespace(facts=SimpleNamespace(family=None, architecture="llama")),
        choice=SimpleNamespace(engine=engine, installed=SimpleNamespace(version="1.0")),
        estimate=SimpleNamespace(context=2048, sequences=4),
        placement=SimpleNamespace(device=device),
    )
    return named, prepared


def test_llamacpp_on_the_processor() -> None:
    named, prepared = asked("llamacpp", "cpu")
    log = str(LOGS / "llamacpp-xllamacpp-2026.10.11549.log")
    found = measure(named, prepared, Workload(kv_dtype="q8_0"), os.getpid(), log, 0, HERE)
    *parts, whole = found
    assert {one.component for one in parts} == {"weights", "kv", "output_buffer", "compute_buffer"}
    for one in found:
        assert (one.model, one.commit, one.variant, one.family) == (
            "org/a", "c0ffee", "q8_0", "llama",
        )  # fmt: skip
        assert (one.version, one.context, one.sequences, one.kv_dtype) == ("1.0", 2048, 4, "q8_0")
    assert (whole.component, whole.source, whole.device) == ("total", "process", "cpu")
    assert whole.bytes > 5 * MIB


def test_vllm_gives_its_cache_what_is_left() -> None:
    named, prepared = asked("vllm", "nvidia")
    log = str(LOGS / "vllm-v1.log")
    found = {
        one.component: one
        for one in measure(named, prepared, Workload(), os.getpid(), log, 0, HERE)
    }
    assert (found["kv"].context, found["kv"].sequences) == (158_656, 1)
    assert found["weights"].context == 2048
    assert (found["total"].bytes, found["total"].source) == (5 * 2**30, "device")


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    named, prepared = asked("llamacpp", "nvidia")
    nothing = Reading(lambda pid: None, lambda pid: None)
    gone = str(tmp_path / "gone.log")
    assert measure(named, prepared, Workload(), os.getpid(), gone, 0, nothing) == ()


def test_an_earlier_start_s_lines_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    mark = log.stat().st_size
    with log.open("a") as file:
        file.write("=== Ostler's own line\nnew\n")
    assert lines_from(str(log), mark) == ["new"]
    log.write_text("new\n")
    assert lines_from(str(log), 1000) == ["new"], "the file was replaced by a shorter one"


def test_memory_of_processes() -> None:
    mine = memory_of(os.getpid())
    assert mine is not None
    assert mine > MIB
    assert memory_of(2**22 + 1) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("12, 100\n13, 50\n99, 7\n", 150 * MIB),
        ("12, [N/A]\n", None),
        ("", None),
        ("99, 7\n", None),
        ("nonsense\n", None),
    ],
)
def test_what_nvidia_smi_says(said: str, expected: int | None) -> None:
    assert gpu_bytes(said, {12, 13}) == expected
