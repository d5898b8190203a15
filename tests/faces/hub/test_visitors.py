"""Who may read what: every kind of token at every kind of repository."""

from __future__ import annotations

import pytest

from ostler.faces.hub.refusals import Refusal
from ostler.faces.hub.repos import Repo, Snapshot
from ostler.faces.hub.visitors import Door, check_consent, may_see

DOOR = Door(tokens={"member"}, granted={"friend"})
EMPTY = Snapshot("0" * 40, {}, {"": ""}, 0.0)


def repo(gated: str | None = None, private: bool = False) -> Repo:
    return Repo("a/b", {EMPTY.commit: EMPTY}, {"main": EMPTY.commit}, {}, gated, private)


def status(door: Door, token: str | None, gated: str | None) -> int:
    try:
        check_consent(door.visitor(token and f"Bearer {token}"), repo(gated))
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize(
    ("token", "plain", "auto", "manual"),
    [
        (None, 200, 401, 401),
        ("member", 200, 200, 403),
        ("friend", 200, 200, 200),
        ("wrong", 401, 401, 401),
        ("membe", 401, 401, 401),
    ],
)
def test_consent(token: str | None, plain: int, auto: int, manual: int) -> None:
    assert [status(DOOR, token, kind) for kind in (None, "auto", "manual")] == [plain, auto, manual]


def test_an_open_hub_ignores_tokens_that_are_meant_for_another() -> None:
    assert status(Door(), "hf_of_the_real_hub", None) == 200
    assert status(Door(), "hf_of_the_real_hub", "auto") == 403
    assert not may_see(Door().visitor("Bearer x"), repo(private=True))


def test_a_closed_hub_answers_nobody_without_a_token() -> None:
    closed = Door(tokens={"member"}, closed=True)
    assert status(closed, "member", None) == 200
    assert status(closed, None, None) == 401


def test_private_is_seen_by_known_tokens_only() -> None:
    assert may_see(DOOR.visitor("Bearer member"), repo(private=True))
    assert not may_see(DOOR.visitor(None), repo(private=True))
    assert DOOR.missing(DOOR.visitor(None)).status == 401
    assert DOOR.missing(DOOR.visitor("Bearer member")).status == 404
