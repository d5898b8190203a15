"""What every source of models must do, as tests: subclass `SourceContract` in a test module.

The subclass brings a fixture `given`: the source, one model at it with the bytes of its files,
and what it takes to make that source misbehave. What a source cannot do stays None, with the
reason in the subclass; those tests are then left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from ostler.core import git, plans
from ostler.errors import (
    AuthRequired,
    FileNotInRepo,
    GatedRepo,
    HubUnreachable,
    ModelNotFound,
    RevisionNotFound,
    TokenRejected,
    UnsafePath,
)
from ostler.nouns import Listing, ModelRef, RemoteFile
from ostler.ports import Source

Asked = tuple[Source, ModelRef]


@dataclass(frozen=True, slots=True)
class Given:
    """A source with one model, and the faults it can have."""

    source: Source
    ref: ModelRef
    files: Mapping[str, bytes]  # every file of the model; one of them has 100,000 bytes or more
    absent: Asked  # no such model
    unsafe: Asked  # it names a file that leads out of its folder, or is a link
    gated: Asked | None = None  # the owner's consent is needed and lacking
    dead: Asked | None = None  # nobody answers there
    cut: Callable[[str, int], None] | None = None  # end the next answer for a file so early
    ignore_range: Callable[[str], None] | None = None  # give the whole file the next time

    @property
    def largest(self) -> str:
        return max(self.files, key=lambda path: len(self.files[path]))


class SourceContract:
    """Tests for a `given` fixture."""

    def test_a_listing_names_every_file_with_its_size_and_a_hash(self, given: Given) -> None:
        """The hash is that of the bytes: without one a pull could prove nothing."""
        listing = given.source.listing(given.ref)
        assert {file.path: file.size for file in listing.files} == {
            path: len(content) for path, content in given.files.items()
        }
        assert listing.source == given.ref.source
        assert listing.name == given.ref.name
        for file in listing.files:
            content = given.files[file.path]
            assert file.sha256 in (None, hashlib.sha256(content).hexdigest())
            assert file.git_sha1 in (None, git.object_id("blob", content))
            assert file.sha256 or file.git_sha1

    def test_the_commit_is_the_same_until_something_changes(self, given: Given) -> None:
        """It is 40 or 64 hexadecimal digits, as the store writes them into paths."""
        first, second = given.source.listing(given.ref), given.source.listing(given.ref)
        assert first == second
        assert len(first.commit) in (40, 64)
        assert set(first.commit) <= set("0123456789abcdef")

    def test_a_file_comes_whole(self, given: Given) -> None:
        """Every file's bytes are those that the listing names."""
        listing = given.source.listing(given.ref)
        for file in listing.files:
            assert received(given.source, listing, file) == (0, given.files[file.path])

    def test_a_range_begins_where_it_was_asked(self, given: Given) -> None:
        """From the middle, and from the middle to before another place; small files too."""
        listing = given.source.listing(given.ref)
        for path in (given.largest, min(given.files, key=lambda path: len(given.files[path]))):
            file, content = of(listing, path), given.files[path]
            at, end = len(content) // 3, len(content) // 2
            assert received(given.source, listing, file, at) == (at, content[at:])
            start, got = received(given.source, listing, file, at, end)
            assert start == at
            assert got == content[at:end]

    def test_the_body_says_how_long_the_file_is(self, given: Given) -> None:
        """Where it says so at all, whatever range was asked."""
        listing = given.source.listing(given.ref)
        file = of(listing, given.largest)
        with given.source.open(listing, file, 10, 20) as body:
            assert body.size in (None, file.size)

    def test_a_cut_is_told_and_the_rest_can_be_asked_for(self, given: Given) -> None:
        """What came before the cut is right, and the next answer goes on from there."""
        if given.cut is None:
            pytest.skip("its answers cannot be cut")
        listing = given.source.listing(given.ref)
        file, content = of(listing, given.largest), given.files[given.largest]
        given.cut(file.path, 50_000)
        got: list[bytes] = []
        with given.source.open(listing, file) as body, pytest.raises(HubUnreachable):
            got.extend(body.chunks())
        first = b"".join(got)
        assert content.startswith(first)
        assert len(first) <= 50_000
        assert received(given.source, listing, file, len(first)) == (
            len(first),
            content[len(first) :],
        )

    def test_an_ignored_range_is_told_by_the_start(self, given: Given) -> None:
        """A server that gives the whole file must not be taken for one that resumes."""
        if given.ignore_range is None:
            pytest.skip("it never ignores a range")
        listing = given.source.listing(given.ref)
        file = of(listing, given.largest)
        given.ignore_range(file.path)
        assert received(given.source, listing, file, 1000) == (0, given.files[file.path])

    def test_what_is_missing_is_said_to_be_missing(self, given: Given) -> None:
        """A model, a revision, a file: each has its own refusal, with a sentence."""
        source, ref = given.absent
        # some tell nobody unknown whether a name exists
        with pytest.raises((ModelNotFound, AuthRequired)) as absent:
            source.listing(ref)
        assert absent.value.what
        with pytest.raises(RevisionNotFound):
            given.source.listing(replace(given.ref, revision="0" * 40))
        listing = given.source.listing(given.ref)
        for gone in (
            RemoteFile("no/such.bin", 3, sha256="0" * 64),
            RemoteFile("no-such.txt", 3, git_sha1="0" * 40),
        ):
            with pytest.raises(FileNotInRepo), given.source.open(listing, gone) as body:
                list(body.chunks())

    def test_a_gated_model_is_refused_as_gated(self, given: Given) -> None:
        """At the listing or at the first byte, never with bytes that are no file's."""
        if given.gated is None:
            pytest.skip("nothing is gated there")
        source, ref = given.gated
        with pytest.raises((GatedRepo, AuthRequired, TokenRejected)) as refused:
            first_file(source, ref)
        assert refused.value.what

    def test_a_dead_source_is_named_and_a_search_says_so(self, given: Given) -> None:
        """A listing fails with a sentence; a search answers, and says it could not ask."""
        if given.dead is None:
            pytest.skip("it has no line that could be dead")
        source, ref = given.dead
        with pytest.raises(HubUnreachable) as dead:
            source.listing(ref)
        assert dead.value.hint
        found = source.search("anything", 3)
        assert found.results == ()

    def test_names_that_lead_elsewhere_are_refused(self, given: Given) -> None:
        """By the source itself or by the plan, before a byte is written."""
        source, ref = given.unsafe
        with pytest.raises(UnsafePath) as refused:
            plans.pull_plan(source.listing(ref), set(), everything=True)
        assert refused.value.what


def received(
    source: Source, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
) -> tuple[int, bytes]:
    """Return where an answer began and all of its bytes; a longer one is cut to what was asked."""
    with source.open(listing, file, start, end) as body:
        content = b"".join(body.chunks())
        return body.start, content if end is None else content[: end - body.start]


def first_file(source: Source, ref: ModelRef) -> bytes:
    """Return the bytes of the first file that is listed."""
    listing = source.listing(ref)
    return received(source, listing, listing.files[0])[1]


def of(listing: Listing, path: str) -> RemoteFile:
    """Return one file of a listing."""
    return next(file for file in listing.files if file.path == path)
