"""A hang is told from slowness, and a sick engine from a silent one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostler.core.heartbeat import HUNG, LOST, SICK, Look, Loss, Trouble, looked


def story(looks: list[Look]) -> Loss | None:
    """What comes of these looks: the first loss, if any."""
    trouble: Trouble | None = None
    for look in looks:
        trouble, loss = looked(trouble, look)
        if loss:
            return loss
    return None


def every_five(seconds: float, status: int | None, work: float | None = 0.0) -> list[Look]:
    """Looks every five seconds; `work` is done between two of them."""
    count = int(seconds / 5) + 1
    return [Look(i * 5.0, status, None if work is None else i * work) for i in range(count)]


def test_one_that_answers_is_well() -> None:
    assert story(every_five(10_000, 200)) is None
    assert story(every_five(10_000, 404)) is None, "a stranger's path is no sickness"


def test_silence_without_work_is_a_hang() -> None:
    assert story(every_five(HUNG - 5, None)) is None
    lost = story(every_five(HUNG, None))
    assert lost is not None
    assert lost.cause == "hung"
    assert "no answer for 1 min, and no work" in lost.what


def test_silence_with_work_is_slowness_for_long() -> None:
    assert story(every_five(LOST - 5, None, work=0.5)) is None
    lost = story(every_five(LOST, None, work=0.5))
    assert lost is not None
    assert "15 min, whatever it works at" in lost.what


def test_where_nobody_says_what_it_works_it_has_long() -> None:
    assert story(every_five(LOST - 5, None, work=None)) is None
    assert story(every_five(LOST, None, work=None)) is not None


def test_one_that_calls_itself_sick_is_believed_after_a_while() -> None:
    assert story(every_five(SICK - 5, 503)) is None
    lost = story(every_five(SICK, 503))
    assert lost is not None
    assert lost.cause == "unhealthy"
    assert "503" in lost.what


statuses = st.sampled_from([200, 503, None])


@given(st.lists(st.tuples(statuses, st.floats(0, 1)), max_size=60))
def test_a_good_answer_wipes_out_all_trouble(looks: list[tuple[int | None, float]]) -> None:
    trouble: Trouble | None = None
    worked = 0.0
    for i, (status, work) in enumerate(looks):
        worked += work
        trouble, loss = looked(trouble, Look(i * 5.0, status, worked))
        if status == 200:
            assert (trouble, loss) == (None, None)
        if loss:
            last = [one for one, _ in looks[: i + 1]]
            assert 200 not in last[-int(SICK / 5) :], "no loss so soon after a good answer"
    assert looked(trouble, Look(1000.0, 200)) == (None, None)
