"""Laws of drift: in sync says nothing; every difference is told once, with what ends it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.drift import (
    Composed,
    Running,
    Seen,
    Service,
    Side,
    Written,
    drift,
    engine_services,
)

NAMES = st.sampled_from(["", "a.yaml", "b/c.yaml"])
HASHES = st.sampled_from(["1", "2", "3"])
WRITES = st.dictionaries(NAMES, HASHES, min_size=1, max_size=3)


def seen(wrote: dict[str, str], held: dict[str, str | None], wanted: dict[str, str]) -> Seen:
    return Seen(Written("/srv/out", ("export",), wrote), held, wanted)


@given(WRITES)
def test_what_is_as_it_was_written_and_would_be_is_in_sync(wrote: dict[str, str]) -> None:
    assert drift(Side(kept=(), seen=[seen(wrote, dict(wrote), wrote)])) == ()


@given(WRITES, st.dictionaries(NAMES, HASHES | st.none(), max_size=3), WRITES)
def test_files_are_in_sync_just_where_they_hold_what_is_wanted(
    wrote: dict[str, str], held: dict[str, str | None], wanted: dict[str, str]
) -> None:
    every = {*wrote, *wanted}
    found = drift(Side(kept=(), seen=[seen(wrote, held, wanted)]))
    different = {name for name in every if held.get(name) != wanted.get(name)}
    assert len(found) == len(different)
    assert len({one.where for one in found}) == len(found)
    assert all(one.written and one.what for one in found)


@given(WRITES, WRITES)
def test_who_changed_it_is_told_apart(wrote: dict[str, str], wanted: dict[str, str]) -> None:
    stale = drift(Side(kept=(), seen=[seen(wrote, dict(wrote), wanted)]))
    assert {one.kind for one in stale} <= {"file_stale", "file_gone", "file_orphan"}
    edited = drift(Side(kept=(), seen=[seen(wrote, dict.fromkeys(wrote, "9"), wrote)]))
    assert {one.kind for one in edited} == {"file_edited"}
    gone = drift(Side(kept=(), seen=[seen(wrote, dict.fromkeys(wrote), wrote)]))
    assert {one.kind for one in gone} == {"file_gone"}


def test_what_can_no_longer_be_written_is_an_orphan_while_it_is_there() -> None:
    plain = seen({"": "1"}, {"": "1"}, {})
    of_a = replace(plain, written=replace(plain.written, models=("org/a",)), refused="none kept")
    (found,) = drift(Side(kept=(), seen=[of_a]))
    assert (found.kind, found.where) == ("file_orphan", "/srv/out")
    assert drift(Side(kept=(), seen=[replace(of_a, held={"": None})])) == ()


def test_what_cannot_be_compared_is_no_orphan() -> None:
    plain = seen({"": "1"}, {"": "1"}, {})
    of_a = replace(plain, written=replace(plain.written, models=("org/a",)), refused="hub is down")
    unknown = replace(plain, refused="hub is down")
    for one, kept in ((of_a, {"org/a"}), (unknown, set())):
        (found,) = drift(Side(kept=kept, seen=[one]))
        assert found.kind == "file_unsure"
        assert "hub is down" in found.what


@given(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd")),
       st.sets(st.sampled_from("abcd")))  # fmt: skip
def test_wishes_for_models_that_are_neither_kept_nor_promised(
    kept: set[str], wished: set[str], promised: set[str]
) -> None:
    found = drift(Side(kept=kept, wished=sorted(wished), promised=promised))
    assert [one.fix for one in found] == [
        f"ostler pull {n}" for n in sorted(wished - kept - promised)
    ]


@given(st.sampled_from(["ready", "starting", "failed", "stopped", None]), st.booleans())
def test_a_preloaded_model_must_run(state: str | None, serves: bool) -> None:
    up = [Running("a", state, "server")] if state else []
    side = Side(kept={"a"}, preload=["a"], running=up if serves else None)
    found = drift(side)
    assert bool(found) == (serves and state not in ("ready", "starting"))
    assert all(one.fix == "ostler load a" for one in found)


@given(st.sampled_from(["ready", "failed"]), st.booleans())
def test_what_runs_must_be_kept(state: str, kept: bool) -> None:
    side = Side(kept={"a"} if kept else (), running=[Running("a", state, "server")])
    assert bool(drift(side)) == (state == "ready" and not kept)


@given(st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0, 1, 137]))
def test_containers_follow_their_file(named: bool, ours: bool, running: bool, code: int) -> None:
    side = Side(
        kept=(),
        ours=[("/c", "llm")] if ours else [],
        named={"/c": ["llm"] if named else []},
        containers=[Composed("/c", "llm", running, code)],
    )
    kinds = [one.kind for one in drift(side)]
    broke = named and ours and not running and code
    assert kinds == (["runs_unknown"] if not named else ["not_running"] if broke else [])


def test_a_broken_off_add_is_told() -> None:
    (found,) = drift(Side(kept=(), begun=[("org/a", ("download", "configuration"))]))
    assert "after: download, configuration" in found.what


SEED = {
    "new_model_0": {
        "image": "vllm/vllm-openai:v0.6.0",
        "volumes": ["${MODEL_BASE_PATH}/new-model:/model:ro"],
        "command": ["--model", "/model", "--max-model-len", "8192"],
    },
    "llama_0": {
        "volumes": [{"type": "bind", "source": "/srv/m", "target": "/weights"}],
        "command": "--model /weights/llama --port 8000",
    },
    "ours": {"command": ["--model", "/home/a"]},
    "flagged": {"command": ["--model=/srv/x", "--host", "0.0.0.0"]},
    "each": {
        "volumes": [{"source": f"/blobs/{n}", "target": f"/models/a/{n}"} for n in "12"],
        "command": ["--model", "/models/a"],
    },
    "n8n": {"image": "n8nio/n8n", "command": ["start"]},
    "broken": None,
}


def test_services_that_start_engines_are_found_by_the_weights_they_are_told() -> None:
    found = {one.name: one for one in engine_services("/c", {"services": SEED}, {"ours"})}
    assert {name: one.weights for name, one in found.items()} == {
        "new_model_0": "${MODEL_BASE_PATH}/new-model",
        "llama_0": "/srv/m/llama",
        "ours": "/home/a",
        "flagged": "/srv/x",
        "each": "/blobs/1",
    }
    assert found["ours"].ours
    side = Side(kept=(), roots=["/srv/m/llama", "/blobs/1"], services=list(found.values()))
    assert [one.where for one in drift(side)] == [
        "/c: services.new_model_0", "/c: services.flagged",
    ]  # fmt: skip


@pytest.mark.parametrize("root", ["/srv/mod", "/srv/model/inner"])
def test_a_folder_is_not_another_that_begins_like_it(root: str) -> None:
    service = Service("/c", "a", "/srv/model", False)
    assert drift(Side(kept=(), roots=[root], services=[service]))
