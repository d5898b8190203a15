"""A GPU is found under every name it goes by, and its memory is never more than it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler import data
from ostler.core.gpus import MIB, find, folded
from ostler.errors import UnknownGpu

GPUS = data.gpus()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("A100-80GB-SXM", "A100-80GB-SXM"),
        ("NVIDIA A100-SXM4-80GB", "A100-80GB-SXM"),
        ("gpu_1x_a100_sxm4_80gb", "A100-80GB-SXM"),
        ("rtx 4090", "RTX-4090"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("H100", "H100-80GB-SXM"),
        ("mi300x", "MI300X"),
        ("a6000", "RTX-A6000"),
        ("p100", "P100-16GB"),
    ],
)
def test_names_as_people_and_drivers_write_them(written: str, name: str) -> None:
    assert find(written, GPUS).name == name


@given(st.sampled_from(GPUS), st.sampled_from([str.upper, str.lower, str.title]))
def test_its_own_name_in_any_case_finds_it(gpu, change) -> None:  # type: ignore[no-untyped-def]
    assert find(change(gpu.name), GPUS) is gpu


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.name)
def test_a_gb_of_the_name_never_promises_more_than_the_driver_shows(gpu) -> None:  # type: ignore[no-untyped-def]
    assert gpu.usable_bytes >= gpu.memory_gb * 10**9
    if gpu.usable_mib:
        assert gpu.usable_bytes == gpu.usable_mib * MIB


def test_no_name_means_two() -> None:
    names = [folded(gpu.name) for gpu in GPUS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("written", "near"),
    [("A100-80", "A100-80GB-PCIe"), ("RTX4090x", "RTX-4090"), ("H10", "H100-80GB-SXM")],
)
def test_an_unknown_name_brings_the_close_ones(written: str, near: str) -> None:
    with pytest.raises(UnknownGpu) as refused:
        find(written, GPUS)
    assert near in refused.value.facts["close"]
    assert near in refused.value.what


def test_a_name_like_nothing() -> None:
    with pytest.raises(UnknownGpu) as refused:
        find("", GPUS)
    assert refused.value.exit_code == 29


def test_what_is_known_of_one() -> None:
    gh200 = find("GH200", GPUS)
    assert (gh200.host, gh200.fp8, gh200.vendor) == ("arm64", True, "nvidia")
    assert find("Apple-M4-Max", GPUS).unified
    assert not find("A10", GPUS).unified
    assert find("A10", GPUS).fp8 is False
