"""When a log's lines were written, and what of them is known to mean something."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.diagnosis import diagnose
from ostler.core.logscan import Said, engine_of, lines_of, scan
from ostler.core.logtimes import Times
from ostler.nouns import Diagnosis

START = "=== 2026-12-31T22:00:00Z ostler starts: /opt/bin/python -m vllm.entrypoints --port 1"
WITHIN = "=== 2026-12-31T22:00:00Z ostler starts in a container of vllm/vllm-openai: vllm serve"
HOUR = 3600.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("0.01.002.500 I srv  init: model loaded", "2026-12-31T22:00:01.002"),
        ("75.00.000.000 I srv  update: all slots are idle", "2026-12-31T23:15:00"),
        ("INFO 12-31 23:30:00 [core.py:1] Loading", "2026-12-31T22:30:00"),
        ("(EngineCore pid=7) WARNING 01-01 00:30:00 [x.py:1] Loading", "2026-12-31T23:30:00"),
        ("[2026-12-31 23:05:00] server_args={}", "2026-12-31T22:05:00"),
        ("2026-12-31T23:06:00,123 - transformers - INFO - up", "2026-12-31T22:06:00"),
        ("INFO:     127.0.0.1:1 - POST /v1/x 200", "2026-12-31T22:00:00"),
        ("[2026-13-41 25:61:61] no time at all", "2026-12-31T22:00:00"),
        ("ERROR 13-41 25:00:00 neither", "2026-12-31T22:00:00"),
    ],
)
def test_when_a_line_was_written(line: str, written: str) -> None:
    times = Times(HOUR)  # an hour east of Greenwich
    assert times.of(START) == at("2026-12-31T22:00:00")
    found = times.of(line)
    assert found is not None
    assert int(found * 1000) == int(at(written) * 1000)


def test_in_a_container_times_are_utc() -> None:
    times = Times(HOUR)
    times.of(WITHIN)
    assert times.of("INFO 12-31 23:30:00 [core.py:1] Loading") == at("2026-12-31T23:30:00")


def test_before_the_first_time_nobody_knows() -> None:
    times = Times(0)
    assert times.of("0.00.001.000 I srv init") is None
    assert times.of("INFO 01-01 00:00:00 without a year") is None
    assert times.of("[2026-01-01 00:00:00] up") == at("2026-01-01")
    assert times.of("and so on") == at("2026-01-01")


@given(st.lists(st.text(max_size=60)), st.floats(-14 * HOUR, 14 * HOUR))
def test_any_lines_have_a_number_and_perhaps_a_time(lines: list[str], offset: float) -> None:
    found = list(lines_of(lines, offset))
    assert [one.line for one in found] == list(range(1, len(lines) + 1))
    assert [one.text for one in found] == lines


# --- what is known ----------------------------------------------------------------------------


def judge(line: str) -> Diagnosis | None:
    return diagnose([line], None)


def said(*lines: str) -> list[Said]:
    return list(lines_of(lines, 0))


def test_what_is_said_again_is_counted() -> None:
    found = scan(
        said(
            START,
            "all is well",
            "CUDA out of memory. Tried to allocate 12 GiB",
            "bind: Address already in use",
            "CUDA out of memory. Tried to allocate 3 GiB",
        ),
        judge,
    )
    assert [(one.cause, one.count, one.first.line, one.last.line) for one in found] == [
        ("port_in_use", 1, 4, 4),
        ("out_of_memory", 2, 3, 5),
    ]
    assert found[1].advice


def test_the_line_that_starts_an_engine_says_nothing() -> None:
    assert scan(said(START + " --name 'CUDA error'"), judge) == []


lines = st.sampled_from(
    ["CUDA error: 7", "CUDA error: 8", "fine 1", "fine 2", "Address already in use", START, ""]
)


@given(st.lists(lines, max_size=30))
def test_each_line_counts_once_as_it_does_alone(texts: list[str]) -> None:
    found = scan(said(*texts), judge)
    alone = [d for t in texts if not t.startswith("===") and (d := judge(t)) is not None]
    assert sum(one.count for one in found) == len(alone)
    for one in found:
        same = [d for d in alone if (d.cause, d.what) == (one.cause, one.what)]
        assert one.count == len(same)
        assert one.first.line <= one.last.line
        assert judge(one.first.text) is not None
    ends = [one.last.line for one in found]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("program", "engine"),
    [
        ("/e/bin/python -m vllm.entrypoints.openai.api_server", "vllm"),
        ("/e/bin/python -m ostler.programs.llamacpp /m.gguf", "llamacpp"),
        ("/e/bin/python -m sglang.launch_server", "sglang"),
        ("/e/bin/something", None),
    ],
)
def test_whose_log_it_is(program: str, engine: str | None) -> None:
    log = ["x", START, f"=== 2026-12-31T22:00:00Z ostler starts: {program}", "mlx"]
    assert engine_of(log, ["vllm", "llamacpp", "sglang", "mlx"]) == engine
