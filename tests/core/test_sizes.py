"""Sizes, rates and spans survive being written and read again, as far as their digits go."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.pace import amount
from ostler.core.sizes import BINARY, DECIMAL, duration, file_size, memory, parameters
from ostler.errors import UsageError

UNITS = dict([*DECIMAL, *BINARY, ("B", 1)])
bytes_ = st.integers(0, 2**53)


def read(text: str) -> float:
    number, _, unit = text.partition(" ")
    return float(number) * UNITS[unit]


@given(bytes_)
def test_what_is_written_is_read_back_within_its_last_digit(count: int) -> None:
    for written in (file_size(count), memory(count)):
        number, unit = written.split(" ")
        digit = 0.05 if "." in number else 0.5 if unit != "B" else 0
        assert abs(read(written) - count) <= digit * UNITS[unit] * (1 + 1e-9)


@given(bytes_, bytes_)
def test_more_is_never_written_as_less(one: int, other: int) -> None:
    small, large = sorted((one, other))
    for write in (file_size, memory):
        assert read(write(small)) <= read(write(large)) * (1 + 1e-9)


@given(bytes_)
def test_files_are_decimal_and_memory_is_binary(count: int) -> None:
    assert re.fullmatch(r"\d+(\.\d)? (B|kB|MB|GB|TB)", file_size(count))
    assert re.fullmatch(r"\d+(\.\d)? (B|KiB|MiB|GiB|TiB)", memory(count))


@given(st.integers(1, 10**6), st.sampled_from([*DECIMAL, *BINARY]))
def test_an_amount_is_read_as_it_is_written(number: int, unit: tuple[str, int]) -> None:
    name, size = unit
    assert amount(f"{number}{name}", "--reserve") == number * size
    assert amount(f"{number} {name}", "--reserve") == number * size


@given(st.floats(0, 10**7))
def test_a_span_is_read_back_within_its_last_digit(seconds: float) -> None:
    parts = re.findall(r"([\d.]+) (s|min|h)", duration(seconds))
    total = sum(float(n) * {"s": 1, "min": 60, "h": 3600}[unit] for n, unit in parts)
    smallest = {"s": 0.5, "min": 0.5, "h": 1800}[parts[-1][1]]
    last = 60 if "h" in duration(seconds) else smallest
    assert abs(total - seconds) <= last + 1e-6


def test_unknown_is_said() -> None:
    assert {write(None) for write in (file_size, memory, parameters, duration)} == {"unknown"}


@pytest.mark.parametrize("text", ["ten", "5 parsecs", "-1GB", "GB", "1e400GB"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(UsageError):
        amount(text, "--reserve")
