"""Models that are loaded together, held against the GPUs they are to share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ostler.core.together import crowded

GIB = 2**30
sizes = st.dictionaries(st.text(min_size=1), st.integers(0, 10**12), min_size=1, max_size=6)


def test_five_models_of_40_do_not_fit_one_gpu_of_48() -> None:
    said = crowded({f"m{number}": 40 * GIB for number in range(5)}, 1, 48 * GIB)
    assert said == (
        "5 models need 200 GiB, and 1 GPU of 48.0 GiB has 48.0 GiB: be conservative, load fewer; "
        "the first fits."
    )
    assert "the first 2 fit" in crowded({"a": GIB, "b": GIB, "c": 40 * GIB}, 1, 24 * GIB)
    assert "none fits" in crowded({"a": 40 * GIB, "b": GIB}, 1, 24 * GIB)
    assert crowded({"a": 40 * GIB}, 1, 24 * GIB).startswith("a needs 40.0 GiB")


@given(sizes, st.integers(1, 8), st.integers(1, 10**11))
def test_it_warns_exactly_where_the_sum_is_more(
    needs: dict[str, int], gpus: int, memory: int
) -> None:
    assert bool(crowded(needs, gpus, memory)) is (sum(needs.values()) > gpus * memory)
