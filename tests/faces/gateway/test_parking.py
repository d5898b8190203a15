"""Laws of the waiting lines."""

from hypothesis import given
from hypothesis import strategies as st

from ostler.faces.gateway.parking import Parking

acts = st.lists(
    st.tuples(
        st.sampled_from(["park", "leave", "release", "want", "forget"]), st.sampled_from("ab")
    )
)


@given(acts)
def test_lines_keep_their_order_and_a_want_is_told_once(history: list[tuple[str, str]]) -> None:
    parking: Parking[int] = Parking()
    lines: dict[str, list[int]] = {"a": [], "b": []}
    wanted: set[str] = set()
    for number, (act, model) in enumerate(history):
        if act == "park":
            parking.park(model, number)
            lines[model].append(number)
        elif act == "leave" and lines[model]:
            parking.leave(model, lines[model].pop(len(lines[model]) // 2))
        elif act == "release":
            assert parking.release(model) == lines[model]
            lines[model], wanted = [], wanted - {model}
        elif act == "want":
            assert parking.want(model) == (model not in wanted)
            wanted.add(model)
        elif act == "forget":
            assert parking.forget_want(model) == bool(lines[model])
            wanted.discard(model)
        assert [parking.length(m) for m in "ab"] == [len(lines[m]) for m in "ab"]
        assert parking.models() == wanted | {m for m in "ab" if lines[m]}


def test_leaving_twice_or_never_having_come_is_nothing() -> None:
    parking: Parking[int] = Parking()
    parking.leave("a", 1)
    parking.park("a", 1)
    parking.leave("a", 1)
    parking.leave("a", 1)
    assert parking.models() == set()
