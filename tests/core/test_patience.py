"""Pauses double, are bounded, and follow what a server asks for."""

from ostler.core.patience import Patience


def test_pauses_double_and_end() -> None:
    patience = Patience(attempts=4, first=0.5)
    assert [patience.pause(failures) for failures in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, None]


def test_a_pause_is_never_longer_than_the_longest() -> None:
    assert Patience(attempts=99, first=1, longest=30).pause(20) == 30


def test_retry_after_is_honoured_or_not_waited_for() -> None:
    patience = Patience(first=0.5, bearable=60)
    assert patience.pause(1, retry_after=7) == 7
    assert patience.pause(1, retry_after=0) == 0.5
    assert patience.pause(1, retry_after=61) is None
