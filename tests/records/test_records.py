"""What is kept comes back as it was, in both databases, from several threads at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ostler.errors import KeyExists, UnknownKey
from ostler.nouns import AccessKey, Attempt, Event, Measurement, Use
from ostler.records.records import Records

ANNA = AccessKey("anna", "a" * 64, "user", ("org/*",), 60, 4, 100_000)
MADE = Event("key.create", "anna", "cli:root")


def measured(model: str, size: int, family: str = "llama", engine: str = "llamacpp") -> Measurement:
    return Measurement(
        model, engine, "1.0", "kv", size, family=family, context=512, sequences=2,
        flags=(("swa-full", ""),), source="log",
    )  # fmt: skip


def test_a_key_comes_back_and_its_making_is_told(records: Records) -> None:
    records.keys.add(ANNA, MADE)
    (kept,) = records.keys.all()
    assert (kept.models, kept.requests_per_minute, kept.tokens_per_day) == (("org/*",), 60, 100_000)
    assert kept.created_at.endswith("Z")
    assert kept.revoked_at is None
    (event,) = records.events.since()
    assert (event.act, event.subject, event.actor) == ("key.create", "anna", "cli:root")
    assert event.at


def test_a_name_belongs_to_one_key_at_a_time(records: Records) -> None:
    records.keys.add(ANNA, MADE)
    with pytest.raises(KeyExists):
        records.keys.add(AccessKey("anna", "b" * 64), MADE)
    records.keys.revoke("anna", Event("key.revoke", "anna"))
    records.keys.add(AccessKey("anna", "b" * 64), MADE)
    assert [one.revoked_at is None for one in records.keys.all()] == [False, True]
    assert len(records.events.since()) == 3, "what was refused is not told as done"


def test_a_rotated_key_is_another_key(records: Records) -> None:
    records.keys.add(ANNA, MADE)
    records.keys.replace(AccessKey("anna", "b" * 64), Event("key.rotate", "anna"))
    old, new = records.keys.all()
    assert old.revoked_at is not None
    assert (new.sha256, new.revoked_at) == ("b" * 64, None)


def test_every_change_of_keys_is_another_edition(records: Records) -> None:
    editions = [records.keys.edition()]
    records.keys.add(ANNA, MADE)
    editions.append(records.keys.edition())
    assert records.keys.edition() == editions[-1]
    records.keys.replace(AccessKey("anna", "b" * 64), MADE)
    editions.append(records.keys.edition())
    records.keys.revoke("anna", MADE)
    editions.append(records.keys.edition())
    assert len(set(editions)) == 4


def test_what_is_not_there_cannot_be_rotated_or_revoked(records: Records) -> None:
    for change in (
        lambda: records.keys.replace(ANNA, MADE),
        lambda: records.keys.revoke("anna", MADE),
    ):
        with pytest.raises(UnknownKey):
            change()
    assert records.keys.all() == ()
    assert records.events.since() == ()


def test_events_are_found_by_time_number_act_and_subject(records: Records) -> None:
    records.events.add(
        [
            Event("load", "org/a", at="2026-01-01T00:00:00.000Z"),
            Event(
                "unload", "org/a", why="idle", facts={"seconds": 3}, at="2026-01-02T00:00:00.000Z"
            ),
            Event("load", "org/b", at="2026-01-03T00:00:00.000Z"),
        ]
    )
    every = records.events.since()
    assert [one.subject for one in every] == ["org/a", "org/a", "org/b"]
    assert every[1].facts == {"seconds": 3}
    assert [one.id for one in every] == sorted(one.id for one in every)
    assert [one.act for one in records.events.since("2026-01-02")] == ["unload", "load"]
    assert [one.act for one in records.events.since(after=every[1].id)] == ["load"]
    assert len(records.events.since(acts=["load"])) == 2
    assert len(records.events.since(subject="org/a")) == 2
    assert [one.subject for one in records.events.since(limit=1)] == ["org/b"], "the last ones"


def test_attempts_are_kept_with_their_errors(records: Records) -> None:
    records.attempts.add(Attempt("org/a#q4_k_m", "failed", code="hub_unreachable", what="No."))
    records.attempts.add(Attempt("org/a", "done", seconds=1.5, bytes=7 * 10**9))
    records.attempts.add(Attempt("org/ab", "done"))
    first, second = records.attempts.of("org/a")
    assert (first.code, first.what) == ("hub_unreachable", "No.")
    assert (second.seconds, second.bytes) == (1.5, 7 * 10**9)


def test_measurements_of_a_model_and_its_family(records: Records) -> None:
    records.measurements.add([measured("org/a", 1), measured("org/b", 2)])
    records.measurements.add([measured("org/c", 3, "qwen3"), measured("org/a", 4, engine="vllm")])
    records.measurements.add([])
    assert [m.bytes for m in records.measurements.about("org/a", "llama", "llamacpp")] == [2, 1]
    assert [m.bytes for m in records.measurements.about("org/a", None, "llamacpp")] == [1]
    assert [m.bytes for m in records.measurements.of("org/a")] == [4, 1]
    (one,) = records.measurements.of("org/c")
    assert (one.context, one.flags, one.kv_dtype) == (512, (("swa-full", ""),), None)


def test_counts_add_up_from_many_threads(records: Records) -> None:
    batch = [
        Use("2026-11-20", "anna", "org/a", 2, 1, 10, 5, 0.5),
        Use("2026-11-20", "bert", "org/a", 1, 0, 3, 4, 0.1),
    ]
    records.usage.add([])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: records.usage.add(batch), range(20)))
    anna, bert = records.usage.since("2026-11-20")
    assert (anna.requests, anna.errors, anna.prompt_tokens) == (40, 20, 200)
    assert anna.seconds == pytest.approx(10.0)
    assert bert.completion_tokens == 80
    assert records.usage.tokens("2026-11-20") == {"anna": 300, "bert": 140}
    assert records.usage.since("2026-11-21") == ()
