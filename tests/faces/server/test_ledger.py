"""Events, counts and keys between the server's loop and the records."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ostler.errors import RecordsUnavailable
from ostler.faces.gateway.messages import Done
from ostler.faces.server.keys import hashed
from ostler.faces.server.ledger import Ledger
from ostler.nouns import AccessKey, Event, Measurement
from ostler.records.moment import today
from ostler.records.records import Records
from ostler.verbs import keyring


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    changes: list[str] = []
    one = Ledger(Records(tmp_path), lambda: changes.append("changed"), changes.append)
    one.said = changes  # type: ignore[attr-defined]
    yield one
    one.records.close()


def said(ledger: Ledger) -> list[str]:
    found: list[str] = ledger.said  # type: ignore[attr-defined]
    return found


def done(status: int = 200, key: str = "anna", tokens: int | None = 7) -> Done:
    return Done("org/a", "org/a", status, 0.5, 0.1, 10, 20, tokens, tokens, key)


def test_what_comes_in_is_written_together(ledger: Ledger) -> None:
    for one in (done(), done(500), done(tokens=None), done(key="bert")):
        ledger.served(one)
    ledger.happened([Event("load", "org/a", "keeper")])
    ledger.measured([Measurement("org/a", "llamacpp", "1", "kv", 5)])
    assert ledger.records.usage.since("") == ()
    asyncio.run(ledger.keep())
    anna, bert = ledger.records.usage.since("")
    assert (anna.requests, anna.errors, anna.prompt_tokens, anna.seconds) == (3, 1, 14, 1.5)
    assert bert.requests == 1
    assert [event.act for event in ledger.records.events.since()] == ["load"]
    assert [one.bytes for one in ledger.records.measurements.of("org/a")] == [5]
    asyncio.run(ledger.keep())
    assert ledger.records.usage.since("")[0].requests == 3, "nothing is counted twice"


def test_what_could_not_be_written_is_written_later(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        ledger.served(done())  # one more comes in meanwhile
        raise RecordsUnavailable("The disk is full.")

    ledger.served(done())
    ledger.happened([Event("load", "org/a")])
    with monkeypatch.context() as broken:
        broken.setattr(ledger.records, "add", full)
        with pytest.raises(RecordsUnavailable):
            asyncio.run(ledger.keep())
    ledger.happened([Event("unload", "org/a")])
    asyncio.run(ledger.keep())
    assert ledger.records.usage.since("")[0].requests == 2
    assert [event.act for event in ledger.records.events.since()] == ["load", "unload"]


def test_the_operator_hears_once_that_records_cannot_be_written(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        tried = asyncio.Semaphore(0)
        loop = asyncio.get_running_loop()

        def full(*_: object) -> None:
            loop.call_soon_threadsafe(tried.release)
            raise RecordsUnavailable("The disk is full.")

        monkeypatch.setattr(ledger.records, "add", full)
        monkeypatch.setattr("ostler.faces.server.ledger.EVERY", 0.001)
        ledger.served(done())
        running = asyncio.create_task(ledger.run())
        for _ in range(3):
            await tried.acquire()
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(story())
    (complaint,) = said(ledger)
    assert complaint.startswith("The disk is full. Answers go on;")
    assert ledger.trouble == "The disk is full."


def test_keys_are_those_in_force_now(ledger: Ledger) -> None:
    asyncio.run(ledger.reload())
    assert (ledger.keys, ledger.required, said(ledger)) == ((), False, [])
    key = keyring.create(AccessKey("anna", "", models=("org/*",), concurrent=2), ledger.records, "")
    asyncio.run(ledger.reload())
    (anna,) = ledger.keys
    assert (anna.sha256, anna.name, anna.role) == (hashed("anna", key).sha256, "anna", "user")
    assert (anna.models, anna.concurrent) == (("org/*",), 2)
    assert said(ledger) == ["changed"]
    asyncio.run(ledger.reload())
    assert said(ledger) == ["changed"], "nothing new, nothing told"
    keyring.revoke("anna", ledger.records, "")
    asyncio.run(ledger.reload())
    assert ledger.keys == ()
    assert ledger.required, "the last key's end opens no door"


def test_tokens_of_today_are_told_when_a_key_is_new(ledger: Ledger) -> None:
    keyring.create(AccessKey("anna", "", tokens_per_day=100), ledger.records, "")
    ledger.served(done(tokens=30))

    async def story() -> None:
        await ledger.keep()
        await ledger.reload()
        ledger.served(done(tokens=10))
        await ledger.keep()
        await ledger.reload()

    asyncio.run(story())
    assert ledger.keys[0].tokens_used == 60, "the gateway counts on from there by itself"
    assert ledger.records.usage.tokens(today()) == {"anna": 80}


def test_listeners_hear_what_they_missed_and_what_comes(ledger: Ledger) -> None:
    async def story() -> list[str]:
        ledger.happened([Event("load", "one"), Event("load", "two")])
        await ledger.keep()
        first = ledger.records.events.since()[0]
        stream = ledger.listen(first.id)
        heard = [(await anext(stream)).subject]
        ledger.happened([Event("load", "three")])
        await ledger.keep()
        heard.append((await anext(stream)).subject)
        ledger.hush()
        heard += [event.subject async for event in stream]
        return heard

    assert asyncio.run(story()) == ["two", "three"]


def test_what_happens_while_a_listener_catches_up_is_heard_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> list[str]:
        loop = asyncio.get_running_loop()
        since = ledger.records.events.since

        def slowly(**asked: int) -> tuple[Event, ...]:
            ledger.happened([Event("load", "meanwhile")])
            asyncio.run_coroutine_threadsafe(ledger.keep(), loop).result()
            return since(**asked)

        monkeypatch.setattr(ledger.records.events, "since", slowly)
        stream = ledger.listen(0)
        heard = [(await anext(stream)).subject]
        ledger.happened([Event("load", "later")])
        await ledger.keep()
        ledger.hush()
        return heard + [event.subject async for event in stream]

    assert asyncio.run(story()) == ["meanwhile", "later"]


def test_a_listener_who_does_not_read_is_let_go(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ostler.faces.server.ledger.BEHIND", 3)

    async def story() -> list[str]:
        stream = ledger.listen(None)
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        ledger.happened(Event("load", str(n)) for n in range(5))
        await ledger.keep()
        return [(await first).subject] + [event.subject async for event in stream]

    assert asyncio.run(story()) == ["0", "1", "2"], "what it has heard has no gap"


def test_the_last_batch_is_written_at_the_end(tmp_path: Path) -> None:
    ledger = Ledger(Records(tmp_path), lambda: None, lambda _: None)
    ledger.served(done())
    asyncio.run(ledger.close())
    again = Records(tmp_path)
    assert again.usage.since("")[0].requests == 1
    again.close()


def test_keys_that_are_in_no_record_any_more_stay_in_force(ledger: Ledger, tmp_path: Path) -> None:
    keyring.create(AccessKey("anna", ""), ledger.records, "")
    asyncio.run(ledger.reload())
    for one in tmp_path.glob("ostler.db*"):
        one.unlink()
    for _ in range(2):
        asyncio.run(ledger.reload())
    assert [key.name for key in ledger.keys] == ["anna"]
    assert ledger.bereft
    assert [one for one in said(ledger) if "hold no keys any more" in one] == said(ledger)[1:]
    assert len(said(ledger)) == 2, "it is said once"
    keyring.create(AccessKey("bert", ""), ledger.records, "")
    asyncio.run(ledger.reload())
    assert ([key.name for key in ledger.keys], ledger.bereft) == (["bert"], False)
