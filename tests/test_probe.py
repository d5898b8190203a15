"""The probe on a machine with a pretended nvidia-smi, pretended cards and pretended limits."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from ostler.probe import gpus, limits, probe

GIB, MIB = 2**30, 2**20

ANSWER = """\
index, name, memory.total [MiB], memory.free [MiB], driver_version
0, NVIDIA A100-SXM4-80GB, 81920 MiB, 80000 MiB, 535.129.03"""


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Return a function that puts an nvidia-smi with this shell text on PATH, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(script: str) -> Path:
        program = folder / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    return install


def write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return root


def test_a_gpu_of_nvidia_is_listed_before_the_cpu(nvidia_smi, tmp_path):
    asked = tmp_path / "asked"
    nvidia_smi(f"echo \"$@\" > {asked}\necho '{ANSWER}'")
    found = probe()
    card, cpu = found.devices
    assert (card.kind, card.name, card.driver) == ("nvidia", "NVIDIA A100-SXM4-80GB", "535.129.03")
    assert (card.total_bytes, card.free_bytes) == (81920 * MIB, 80000 * MIB)
    assert (cpu.kind, cpu.name) == ("cpu", found.cpu)
    assert found.notes == ()
    assert asked.read_text().split() == [
        "--query-gpu=index,name,memory.total,memory.free,driver_version,compute_cap",
        "--format=csv",
    ]


def test_without_a_gpu_there_is_the_cpu(nvidia_smi):
    found = probe()
    (cpu,) = found.devices
    assert cpu.kind == "cpu"
    assert 0 < cpu.free_bytes <= cpu.total_bytes <= psutil.virtual_memory().total
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert found.of_kind("nvidia") == ()


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("echo garbage", "nvidia-smi's answer cannot be read: 'garbage'."),
        ("printf '\\377\\376'", "nvidia-smi's answer cannot be read: '\ufffd\ufffd'."),
        (
            'echo "couldn\'t communicate with the NVIDIA driver"; exit 9',
            "nvidia-smi failed with code 9: couldn't communicate with the NVIDIA driver.",
        ),
        ("exit 3", "nvidia-smi failed with code 3: no words."),
    ],
)
def test_a_failing_nvidia_smi_is_a_note(nvidia_smi, script, note):
    nvidia_smi(script)
    found = probe()
    assert [device.kind for device in found.devices] == ["cpu"]
    assert found.notes == (note,)


def test_an_nvidia_smi_that_is_no_program_is_a_note(nvidia_smi):
    nvidia_smi("").write_bytes(b"\x7fELF not really")
    (note,) = probe().notes
    assert note.startswith("nvidia-smi cannot be started: ")


def test_an_nvidia_smi_that_hangs_is_given_up(nvidia_smi, monkeypatch):
    monkeypatch.setattr(gpus, "PATIENCE", 0.2)
    nvidia_smi("exec /bin/sleep 30")
    assert probe().notes == ("nvidia-smi gave no answer within 0.2 s.",)


def test_amd_cards_are_read_from_the_driver(nvidia_smi, tmp_path):
    card = "sys/class/drm/card{}/device/"
    files = {
        "vendor": "0x1002\n",
        "mem_info_vram_total": f"{16 * GIB}\n",
        "mem_info_vram_used": f"{GIB}\n",
    }
    root = write(
        tmp_path,
        {card.format(0) + name: text for name, text in files.items()}
        | {card.format(0) + "product_name": "AMD Radeon PRO W7800\n"}
        | {card.format(1) + name: text for name, text in files.items()}
        | {card.format(1) + "mem_info_vram_used": "?\n"}
        | {card.format(2) + name: text for name, text in files.items()}
        | {card.format(2) + "vendor": "0x8086\n"},
    )
    found = probe(root)
    (amd,) = found.of_kind("amd")
    assert (amd.name, amd.total_bytes, amd.free_bytes) == (
        "AMD Radeon PRO W7800",
        16 * GIB,
        15 * GIB,
    )
    assert found.notes == ("The memory of the AMD GPU card1 cannot be read.",)


VERSION_2 = {
    "proc/self/cgroup": "0::/user.slice/ours\n",
    "sys/fs/cgroup/user.slice/memory.max": f"{2 * GIB}\n",
    "sys/fs/cgroup/user.slice/memory.current": f"{GIB}\n",
    "sys/fs/cgroup/user.slice/memory.stat": f"anon 1\ninactive_file {GIB // 2}\n",
    "sys/fs/cgroup/user.slice/ours/memory.max": "max\n",
    "sys/fs/cgroup/user.slice/ours/memory.current": "5\n",
    "sys/fs/cgroup/user.slice/ours/cpu.max": "50000 100000\n",
}
VERSION_1 = {
    "proc/self/cgroup": "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB}\n",
    "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {GIB // 2}\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000\n",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
}
INSIDE = {
    "proc/self/cgroup": "0::/../../elsewhere\n",
    "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
    "sys/fs/cgroup/memory.current": f"{GIB // 2}\n",
    "sys/fs/cgroup/cpu.max": "100000 100000\n",
}


@pytest.mark.parametrize("files", [VERSION_2, VERSION_1, INSIDE], ids=["v2", "v1", "inside"])
def test_a_cgroup_limits_memory_and_cores(tmp_path, files):
    root = write(tmp_path, files)
    total, available = limits.memory(root)
    assert total == 2 * GIB
    assert available == 2 * GIB - GIB // 2
    assert limits.cores(root) == 1


def test_without_cgroups_the_machine_is_the_limit(tmp_path):
    assert limits.memory(tmp_path)[0] == psutil.virtual_memory().total
    assert limits.cores(tmp_path) == len(os.sched_getaffinity(0))
