"""Decisions of keeping, as laws: clean-up, copies, layouts, rules, secrets, what shares take."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core import (
    adopting,
    copying,
    layouts,
    pointers,
    rebuilding,
    secrets,
    tidying,
    usage,
)
from ostler.core.adopting import Claim
from ostler.core.git import pointer as pointer_text
from ostler.core.policy import Policy, pickles, policy
from ostler.core.tidying import Removed, Unfinished
from ostler.errors import ChecksumMismatch, SourceNotAllowed, UnsafeFormat, UsageError
from ostler.nouns import KeptFile, Listing, Manifest, RemoteFile


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def model(name: str, *contents: str, commit: str = "a" * 40, at: str = "1") -> Manifest:
    files = tuple(KeptFile(one, len(one), sha(one)) for one in contents)
    return Manifest("hf", name, commit, files, pulled_at=at)


CONTENTS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)
MODELS = st.lists(CONTENTS, max_size=4).map(
    lambda lists: [model(f"o/m{n}", *contents) for n, contents in enumerate(lists)]
)


@given(MODELS, st.lists(st.tuples(st.floats(0, 20), CONTENTS), max_size=3), st.floats(0, 20))
def test_a_clean_up_takes_what_nothing_names_and_counts_each_byte_once(
    models: list[Manifest], thrown: list[tuple[float, list[str]]], days: float
) -> None:
    blobs = {sha(one): n + 1 for n, one in enumerate("abcdefgh")}
    removed = [Removed(str(n), age, (model("o/r", *c),)) for n, (age, c) in enumerate(thrown)]
    items = tidying.garbage(models, removed, blobs, [], trash_days=days, stale_days=7)
    safe = {f.sha256 for one in models for f in one.files}
    safe |= {f.sha256 for r in removed if r.days < days for m in r.manifests for f in m.files}
    assert sum(item.bytes for item in items) == sum(blobs[s] for s in blobs.keys() - safe)
    assert not safe & {item.name for item in items if item.kind == "content"}


def test_unfinished_files_go_when_nobody_goes_on_with_them() -> None:
    partials = [Unfinished("old", 5, 9.0), Unfinished("new", 6, 1.0)]
    items = tidying.garbage([], [], {}, partials, trash_days=7, stale_days=7)
    assert [(item.name, item.bytes) for item in items] == [("old", 5)]


def test_commits_that_no_branch_leads_to_are_superseded() -> None:
    old = model("o/m", "a", commit="a" * 40, at="1")
    new = model("o/m", "b", commit="b" * 40, at="2")
    assert tidying.superseded([old, new]) == (old,)
    assert tidying.superseded([new]) == ()


@given(MODELS, CONTENTS, st.integers(0, 100))
def test_a_copy_takes_what_is_not_there_and_fits_or_not(
    models: list[Manifest], there: list[str], free: int
) -> None:
    plan = copying.copy_plan(models, {sha(one): len(one) for one in there}, (free, 0))
    assert {f.sha256 for f in plan.copy} | {f.sha256 for f in plan.have} == {
        f.sha256 for one in models for f in one.files
    }
    assert not {f.sha256 for f in plan.copy} & {sha(one) for one in there}
    assert plan.fits == (plan.needed <= free)


@given(st.lists(st.text(), unique=True), st.integers(1, 5))
def test_the_newest_backups_stay(names: list[str], keep: int) -> None:
    gone = copying.expired(names, keep)
    assert list(gone) + names[len(gone) :] == names
    assert len(names) - len(gone) == min(keep, len(names))


@given(MODELS)
def test_a_copy_of_itself_has_no_differences(models: list[Manifest]) -> None:
    assert copying.differences(models, models) == ()


def test_differences_are_named() -> None:
    mine, theirs = model("o/m", "a", "b"), model("o/m", "b", "c")
    kinds = [(one.path, one.kind) for one in copying.differences([mine], [theirs])]
    assert kinds == [("a", "missing"), ("c", "extra")]


def test_one_commit_with_two_contents_is_refused() -> None:
    mine = Manifest("hf", "o/m", "a" * 40, (KeptFile("x", 1, sha("a")),))
    other = Manifest("hf", "o/m", "a" * 40, (KeptFile("x", 1, sha("b")),))
    copying.refuse_disputed(None, other)
    copying.refuse_disputed(mine, mine)
    with pytest.raises(ChecksumMismatch):
        copying.refuse_disputed(mine, other)


@given(st.lists(st.tuples(st.sampled_from("aAbB"), st.sampled_from(["m", "M", "n"])), min_size=1))
def test_no_folder_holds_two_models(pairs: list[tuple[str, str]]) -> None:
    names = {f"{owner}/{name}" for owner, name in pairs}
    found = layouts.folders(names)
    assert found.keys() == names
    assert len(set(found.values())) == len(names)


def test_folders_have_the_bare_name_where_it_is_theirs_alone() -> None:
    assert layouts.folders(["a/model", "b/model", "c/other"]) == {
        "a/model": "a--model",
        "b/model": "b--model",
        "c/other": "other",
    }
    assert layouts.folder("a/model", "owner") == "a/model"


@given(st.binary(max_size=64))
def test_a_pointer_is_told_from_its_text(content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    found = pointers.pointer(pointer_text(digest, len(content)))
    assert found == pointers.Pointer(digest, len(content))
    assert pointers.pointer(content) is None


def test_pickles_are_told_by_name() -> None:
    names = ["pytorch_model.bin", "original/consolidated.00.pth", "model.safetensors", "a.json"]
    assert pickles(names) == ("pytorch_model.bin", "original/consolidated.00.pth")


def test_the_rule_for_pickles() -> None:
    assert Policy("allow").require("o/m", "", ["x.pt"]) == ()
    (warning,) = Policy("warn").require("o/m", "", ["x.pt"])
    assert warning.startswith("unsafe_format")
    with pytest.raises(UnsafeFormat, match="blocks"):
        Policy("block").require("o/m", "", ["x.pt"])
    assert Policy("block").require("o/m", "", ["x.safetensors"]) == ()
    with pytest.raises(UsageError):
        policy("perhaps", "")


def test_the_list_of_sources() -> None:
    rules = policy("warn", "huggingface.co/meta-llama/*, intranet:8078")
    rules.require_source("meta-llama/Llama", "https://huggingface.co")
    rules.require_source("any/thing", "http://intranet:8078/")
    for name, origin in (("evil/x", "https://huggingface.co"), ("meta-llama/x", "http://other")):
        with pytest.raises(SourceNotAllowed, match="not on the list"):
            rules.require_source(name, origin)
    policy("warn", "").require_source("any/thing", "http://anywhere")


@pytest.mark.parametrize(
    "line",
    ["hf_token: hf_abcdefghijkl", "  api_key: 'x y'", "password=hunter2", "- secret: a  # b",
     "note: uses sk-abcdefghijk there", f"note: ostler_{'abc' * 14}d is ada's"],
)  # fmt: skip
def test_secrets_are_left_out(line: str) -> None:
    plain = secrets.masked(f"a: 1\n{line}\nb: 2\n")
    assert plain.startswith("a: 1\n")
    assert plain.endswith("b: 2\n")
    assert secrets.LEFT_OUT in plain
    for secret in ("hf_abc", "x y", "hunter2", "sk-abc", "ostler_abc"):
        assert secret not in plain


def test_passwords_in_addresses_are_left_out() -> None:
    line = 'database = "postgresql://ada:hunter2@db.example/records"'
    assert secrets.masked(line) == line.replace("hunter2", "***")


@given(MODELS)
def test_own_bytes_are_what_removing_frees(models: list[Manifest]) -> None:
    for share in usage.shares(models):
        (one,) = [m for m in models if m.name == share.name]
        others = {f.sha256 for m in models if m is not one for f in m.files}
        assert share.own == sum(f.size for f in one.files if f.sha256 not in others)
        assert share.own <= share.physical <= share.logical


def test_advice_has_two_thresholds() -> None:
    states = [usage.advice(gb * 10**9, 50, 20)[0] for gb in (60, 50, 49, 20, 19)]
    assert states == ["ok", "ok", "warning", "warning", "critical"]


def test_a_claim_is_held_against_the_hub() -> None:
    listing = Listing("hf", "o/m", "c" * 40, (RemoteFile("a", 1, sha256=sha("a")),))
    mine = Claim("a", 1, None, None, "")
    taken, left = adopting.claims([mine, Claim("extra", 2, None, None, "")], listing)
    assert [(one.sha256, one.by) for one in taken] == [(sha("a"), "the hub")]
    assert left == ("extra",)
    for wrong in (Claim("a", 2, None, None, ""), Claim("a", 1, sha("b"), None, "its folder")):
        with pytest.raises(ChecksumMismatch):
            adopting.claims([wrong], listing)
    assert adopting.claims([mine], None) == ((mine,), ())


def test_a_made_commit_depends_on_names_and_contents_alone() -> None:
    a, b = KeptFile("a", 1, sha("a")), KeptFile("b", 1, sha("b"))
    assert adopting.made_commit([a, b]) == adopting.made_commit([b, a])
    assert len(adopting.made_commit([a])) == 40
    assert adopting.made_commit([a]) != adopting.made_commit([KeptFile("A", 1, sha("a"))])


def test_what_a_content_seems_to_be() -> None:
    assert rebuilding.kind(b"GGUF" + bytes(20), 24) == "GGUF weights"
    assert rebuilding.kind((2).to_bytes(8, "little") + b"{}", 10) == "safetensors weights"
    assert rebuilding.kind(b'{"a": 1}', 8) == "JSON"
    assert rebuilding.kind(b"# A model", 9) == "text"
    assert rebuilding.kind(b"\x00\x01", 2) == "unknown"


def test_a_readme_tells_licence_and_task() -> None:
    card = "---\nlicense: mit\npipeline_tag: 'text-generation'\n---\nlicense: other"
    assert rebuilding.fields(card) == {"license": "mit", "pipeline_tag": "text-generation"}
    assert rebuilding.fields("license: mit") == {}


def test_what_differs_from_its_source() -> None:
    def kept(path: str, size: int = 1, git: str | None = None) -> KeptFile:
        return KeptFile(path, size, "a" * 64, git)

    mine = Manifest("hf", "a/b", "c" * 40, (kept("same"), kept("small", git="d" * 40),
                    kept("other"), kept("longer", 2), kept("mine")))  # fmt: skip
    theirs = (
        RemoteFile("same", 1, sha256="a" * 64), RemoteFile("small", 1, git_sha1="d" * 40),
        RemoteFile("other", 1, sha256="b" * 64), RemoteFile("longer", 1, sha256="a" * 64),
        RemoteFile("theirs", 1),
    )  # fmt: skip
    found = copying.upstream(mine, Listing("hf", "a/b", "c" * 40, theirs))
    assert [(one.path, one.kind) for one in found] == [
        ("longer", "differs"), ("mine", "extra"), ("other", "differs"), ("theirs", "not pulled")
    ]  # fmt: skip
