"""The wishes file: what it may say, what is refused and where, and edits that keep its comments."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.editing import edited, read
from ostler.core.fleet import windows
from ostler.core.fleet.loading import LEAST_PATIENCE, Speed
from ostler.errors import UsageError
from ostler.faces.server import edits
from ostler.faces.server import wishes as w

GIB = 2**30
FILE = """\
# The inn by the river.
preload:
  - org/a  # the one that everybody asks for
  - org/b
models:
  org/large:
    hours: ["22:00-06:00"]  # nights only
    pool: big
    ttl: 10m
pools:
  catchall: {memory: 20GiB}
  big: {devices: [nvidia:1], share: 50%}
"""


def file(tmp_path: Path, text: str = FILE) -> Path:
    path = tmp_path / w.FILE
    path.write_text(text)
    return path


def test_a_file_that_is_not_there_wishes_nothing(tmp_path: Path) -> None:
    assert w.load(tmp_path / w.FILE) == w.WishesFile()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    wishes = w.load(file(tmp_path))
    assert wishes.of("org/large").ttl == 600.0
    shares = wishes.shares(("cpu", "nvidia:1"))
    assert shares["catchall"].bytes == 20 * GIB
    assert shares["catchall"].devices == ("cpu", "nvidia:1")
    assert shares["big"].part == 0.5
    day, night = (wishes.for_fleet(hour * 60, lambda name: name) for hour in (12, 23))
    assert day.rules["org/large"].closed == (
        "org/large may be used from 22:00 to 06:00; it is 12:00."
    )
    assert not night.rules["org/large"].closed
    assert day.preload == ("org/a", "org/b")
    assert day.rules["org/a"].pinned
    assert not day.rules["org/large"].pinned


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("modles: {}", "modles: there is nothing called modles"),
        ("models: {a: {contxt: 5}}", "models.a.contxt: there is nothing called contxt"),
        ("configs: {a: {b: {contxt: 5}}}", "there is nothing called contxt"),
        ("pools: {../x: {share: 0.5}}", "cannot be a pool's name"),
        (
            "models: {a: {replicas: many}}",
            "a.replicas: a whole number is needed, not 'many'",
        ),
        ("models: {a: {ttl: soon}}", "models.a.ttl: a time is written like 90s, 10m or 2h"),
        ("models: {a: {hours: [noon]}}", "models.a.hours: hours are written like 22:00-06:30"),
        ("pools: {a: {memory: lots}}", "pools.a.memory: a size is written like 20GiB"),
        ("models: {a: {flags: {--seed: 1}}}", "is no flag: write its long name without dashes"),
        ("models: {a: {flags: {seed: false}}}", "seed has a value, or true"),
        ("models: {a: {flags: {seed: [1]}}}", "seed has a value, or true"),
        ("policy: {eviction: fifo}", "policy.eviction: it is 'cost' or 'lru', not 'fifo'"),
        ("preload: org/a", "preload: a list is needed, such as [a, b], not 'org/a'"),
        ("models: {a: 5}", "models.a: names with values are needed, such as {name: value}, not 5"),
        ("models: {a: {pinned: perhaps}}", "models.a.pinned: true or false is needed"),
        ("models: {a: {replicas: 0}}", "models.a.replicas: it must be 1 or more, not 0"),
        ("models: {a: {context: 1.5}}", "models.a.context: a whole number is needed, not 1.5"),
        ("pools: {a: {share: 300%}}", "at most 100%, not '300%'"),
        ("- a", "must be a mapping"),
        ("a: [", "is not YAML: line "),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=r".") as refused:
        w.load(file(tmp_path, text))
    assert said in refused.value.what


def test_an_engine_s_own_flags_are_the_file_s_alone(tmp_path: Path) -> None:
    text = (
        "models: {a: {flags: {enable-auto-tool-choice: true, tool-call-parser: hermes, seed: 7}}}"
    )
    found = w.load(file(tmp_path, text)).of("a").flags
    assert found == {"enable-auto-tool-choice": "", "tool-call-parser": "hermes", "seed": "7"}
    with pytest.raises(UsageError, match=r"ostler\.yaml alone"):
        edits.refuse_flags({"flags": {"middleware": "somebody.s"}})
    edits.refuse_flags({"flags": None, "context": 5})


def test_a_wrong_change_is_told_apart_from_a_wrong_file(tmp_path: Path) -> None:
    path = file(tmp_path)
    with pytest.raises(UsageError, match=r"^pools\.catchall\.share: .*'300%'") as refused:
        w.edit(path, edits.pool("catchall", {"share": "300%"}))
    assert refused.value.hint == f"Nothing was changed in {path}."
    assert path.read_text() == FILE
    path.write_text("policy: {eviction: fifo}\n")
    with pytest.raises(UsageError, match="eviction") as refused:
        w.edit(path, edits.pool("catchall", {"share": "30%"}))
    assert str(path) in refused.value.what
    assert refused.value.hint == "Correct it there; nothing was changed."


def test_edits_keep_comments_and_change_nothing_else(tmp_path: Path) -> None:
    path = file(tmp_path)
    w.edit(path, edits.preload(["org/c", "org/a"]))
    w.edit(path, edits.pin("org/large"))
    w.edit(path, edits.pool("catchall", {"share": "30%"}))
    text = path.read_text()
    for comment in (
        "# The inn by the river.",
        "# the one that everybody asks for",
        "# nights only",
    ):
        assert comment in text
    wishes = w.load(path)
    assert wishes.preload == ["org/c", "org/a"]
    assert wishes.of("org/large").pinned
    assert wishes.pools["catchall"].share == 0.3
    w.edit(path, edits.unpin("org/a", lambda name: name))
    w.edit(path, edits.unpin("org/large", lambda name: name))
    assert w.load(path).preload == ["org/c"]
    assert not w.load(path).of("org/large").pinned


def test_an_edit_that_would_be_wrong_writes_nothing(tmp_path: Path) -> None:
    path = file(tmp_path)
    for edit in (edits.wish("a", {"replicas": 0}), edits.pool("none", None)):
        with pytest.raises(UsageError):
            w.edit(path, edit)
    assert path.read_text() == FILE


def test_a_wish_taken_back_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = file(tmp_path)
    path.write_bytes(FILE.replace("\n", "\r\n").encode())
    before = path.read_bytes()
    w.edit(path, edits.wish("org/new", {"context": 8192, "aliases": ["new"]}))
    assert w.load(path).of("org/new").context == 8192
    w.edit(path, lambda held: held["models"].pop("org/new"))
    assert path.read_bytes() == before


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.permutations("abcdef"))
def test_a_list_becomes_what_is_asked_for(before: list[str], after: list[str]) -> None:
    for wanted in (after, after[:3], []):
        text = "preload:\n" + "".join(f"  - {name}   # why {name}\n" for name in before)
        said = edited(text, "f", lambda held, wanted=wanted: {**held, "preload": wanted})
        assert (read(said, "f")["preload"] or []) == wanted
        stay = [name for name in before if name in wanted]
        if [name for name in wanted if name in before] == stay:  # none had to move
            assert all(f"- {name}   # why {name}\n" in said for name in stay)


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_a_window_holds_its_minutes(start: int, end: int, minute: int) -> None:
    text = f"{start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}"
    if start == end:
        with pytest.raises(ValueError, match="empty"):
            windows.window(text)
        return
    steps = (minute - start) % 1440
    assert windows.window(text).holds(minute) == (steps < (end - start) % 1440)


def test_loads_are_expected_as_they_were_measured() -> None:
    speed = Speed()
    assert speed.deadline(0) == LEAST_PATIENCE
    for _ in range(20):
        speed = speed.learn(10**10, 7.0).learn(10**6, 2.0)
    assert speed.expected(10**10) == pytest.approx(7.0, rel=0.1)
    assert speed.deadline(10**12) > 5 * 400
