"""What nvidia-smi and cgroup files say, recorded and garbled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostler.core.hardware import (
    cgroup_paths,
    cpu_model,
    limit,
    nvidia_devices,
    quota_cores,
    statistic,
)
from ostler.nouns import Device

MIB = 2**20

TWO_CARDS = """\
index, name, memory.total [MiB], memory.free [MiB], driver_version
0, NVIDIA H200, 143771 MiB, 143155 MiB, 570.86.15
1, NVIDIA GeForce RTX 4090, 24564 MiB, 1024 MiB, 570.86.15
"""


def test_two_cards_are_read():
    assert nvidia_devices(TWO_CARDS) == (
        (
            Device("nvidia", 0, "NVIDIA H200", 143771 * MIB, 143155 * MIB, "570.86.15"),
            Device("nvidia", 1, "NVIDIA GeForce RTX 4090", 24564 * MIB, 1024 * MIB, "570.86.15"),
        ),
        (),
    )


def test_columns_are_found_by_name():
    (card,), notes = nvidia_devices("name, memory.total [MiB]\nNVIDIA A10, 23028\n")
    assert (card.index, card.name, card.total_bytes) == (0, "NVIDIA A10", 23028 * MIB)
    assert card.free_bytes == 0
    assert notes == ("nvidia-smi does not say how much of GPU 0 is free; it counts as full.",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0, NVIDIA GB10, [N/A], [N/A], 580.1", "NVIDIA GB10, [N/A]"),
        ("zero, NVIDIA A10, 23028 MiB, 1 MiB, 1", "zero, NVIDIA A10"),
        ("0, , 23028 MiB, 1 MiB, 1", "0, , 23028 MiB"),
        ("0, NVIDIA A10, -5 MiB, 1 MiB, 1", "-5 MiB"),
        ("Unable to determine the device handle for GPU 0000:3B:00.0: Unknown Error", "Unable to"),
    ],
)
def test_a_line_that_cannot_be_read_is_a_note_and_the_others_count(line, said):
    devices, notes = nvidia_devices(TWO_CARDS + line + "\n")
    assert len(devices) == 2
    (note,) = notes
    assert note.startswith("nvidia-smi's line cannot be read: ")
    assert said in note


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("", "nvidia-smi lists no GPU."),
        ("\n\n", "nvidia-smi lists no GPU."),
        ("No devices were found\n", "nvidia-smi's answer cannot be read: 'No devices were found'."),
    ],
)
def test_an_answer_without_a_table_is_a_note(text, note):
    assert nvidia_devices(text) == ((), (note,))


@given(st.text())
def test_no_answer_is_too_strange(text):
    for answer in (text, TWO_CARDS + text):
        devices, _ = nvidia_devices(answer)
        assert all(0 <= device.free_bytes <= device.total_bytes for device in devices)


def test_cgroups_of_both_versions_are_found():
    text = "9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/c\n0::/user.slice\nnonsense\n"
    paths = cgroup_paths(text)
    assert (paths["memory"], paths["cpu"], paths["cpuacct"]) == ("/a/b", "/c", "/c")
    assert paths[""] == "/user.slice"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1073741824\n", 2**30),
        ("max\n", None),
        ("9223372036854771712\n", None),
        ("", None),
        (None, None),
    ],
)
def test_a_limit_is_a_number_or_none(text, number):
    assert limit(text) == number


@pytest.mark.parametrize(
    ("text", "cores"),
    [("200000 100000\n", 2), ("150000 100000", 2), ("5000 100000", 1), ("max 100000", None),
     ("-1 100000", None), ("1 0", None), ("", None), (None, None)],
)  # fmt: skip
def test_a_quota_is_rounded_up_to_whole_cores(text, cores):
    assert quota_cores(text) == cores


def test_a_statistic_is_found_by_its_whole_name():
    text = "anon 5\nactive_inactive_file 7\ninactive_file 11\n"
    assert (statistic(text, "inactive_file"), statistic(text, "nothing")) == (11, 0)


def test_the_processor_has_a_name():
    assert cpu_model("processor\t: 0\nmodel name\t: AMD EPYC 9654\n") == "AMD EPYC 9654"
    assert (
        cpu_model("Model\t\t: Raspberry Pi 5 Model B Rev 1.0\n") == "Raspberry Pi 5 Model B Rev 1.0"
    )
    assert cpu_model("") is None
