"""What `ostler doctor` says of a home that is well, of ten that are not, and of no network."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.stories.conftest import CHAT, Shell

from ostler.errors import Unwell
from ostler.probe.mounts import mount_of


def findings(shell: Shell, *words: str, code: int = 0, **env: str) -> dict[str, list[str]]:
    """Return {check: [states]}, with the texts of all in `said`."""
    done = shell.run("doctor", "--json", *words, **env)
    assert done.code == code, done.err
    found: dict[str, list[str]] = {}
    for one in json.loads(done.out)["findings"]:
        found.setdefault(one["check"], []).append(one["state"])
        found.setdefault("said", []).append(f"{one['what']} {one['fix']}")
    return found


def test_a_home_that_is_well(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    found = findings(shell)
    states = {state for check, of in found.items() if check != "said" for state in of}
    assert "fail" not in states
    assert found["store"] == ["ok"]
    assert found["hub"] == ["ok"]
    assert found["clock"] == ["ok"]
    assert found["permissions"][0] == "ok"
    out = shell.ok("doctor").out
    assert "0 failed" in out
    assert "ok    store" not in out
    assert "ok    store" in shell.ok("doctor", "--all").out


def test_every_check_goes_on_where_one_fails(shell: Shell) -> None:
    home = Path(shell.env["OSTLER_HOME"])
    shell.ok("pull", f"{CHAT}#q8_0")
    next((home / "blobs").rglob("??" + "?" * 62)).unlink()
    home.chmod(0o755)
    columns = "provider,instance_type,gpu,count,price_usd_per_hour"
    (home / "prices.csv").write_text(f"{columns}\nmine,box,Z9,1,0.10\n")
    (home / "ostler.yaml").write_text("models: [\n")
    found = findings(shell, "--offline", code=Unwell.exit_code)
    assert (found["store"], found["permissions"][0]) == (["fail"], "warn")
    assert (found["prices"], found["drift"]) == (["fail"], ["fail"])
    assert found["hub"] == ["info"]
    assert found["engines"][0] == "ok"
    said = "\n".join(found["said"])
    for fix in (f"ostler verify {CHAT} --repair", f"chmod 700 {home}", "prices.csv"):
        assert fix in said


def test_no_network_is_no_failure(shell: Shell) -> None:
    found = findings(shell, OSTLER_ENDPOINT="http://127.0.0.1:9")
    assert found["hub"] == ["warn"]
    assert "does not answer: connection refused" in "\n".join(found["said"])


def test_access_to_one_model(shell: Shell) -> None:
    assert findings(shell, CHAT)["access"] == ["ok"]
    assert findings(shell, "org/none", code=Unwell.exit_code)["access"] == ["fail"]


def test_weights_in_a_project(shell: Shell, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    assert findings(shell, "--project", str(project))["project"] == ["info"]
    subprocess.run(["git", "init", "-q", project], check=True)
    (project / "model.safetensors").write_bytes(b"weights")
    subprocess.run(["git", "-C", project, "add", "."], check=True)
    told = findings(shell, "--project", str(project), code=Unwell.exit_code)
    assert told["project"] == ["fail", "warn"]
    for _ in range(2):  # what it says to do is what mends it
        for line in shell.run("doctor", "--offline", "--project", str(project)).out.splitlines():
            if line.lstrip().startswith(("git -C", "printf")):
                subprocess.run(line, shell=True, check=True)
    assert findings(shell, "--project", str(project))["project"] == ["ok"]


def test_engines_ports_and_tokens(shell: Shell) -> None:
    wrong = {"OSTLER_ENGINE_PORTS": "40000-40100", "HF_TOKEN": "hf_of_nobody"}
    found = findings(shell, code=Unwell.exit_code, **wrong)
    assert (found["ports"][0], found["token"]) == ("warn", ["fail"])
    said = "\n".join(found["said"])
    assert "OSTLER_ENGINE_PORTS below" in said
    assert "hf_of_nobody" not in said


def test_the_store_in_a_folder_of_a_volume(shell: Shell) -> None:
    """A volume's root holds lost+found, which is nobody's model."""
    home = Path(shell.env["OSTLER_HOME"])
    (home / "lost+found").mkdir(parents=True)
    home.chmod(0o700)
    shell.ok("pull", f"{CHAT}#q8_0")
    assert findings(shell)["store"] == ["ok"]
    assert shell.ok("ls", "--json").json()[0]["id"] == f"{CHAT}#q8_0"
    shell.ok("gc")
    assert (home / "lost+found").is_dir()


@pytest.mark.parametrize(
    ("uuid", "encrypted"), [("CRYPT-LUKS2-abc-root", True), ("LVM-xyz", False), ("", False)]
)
def test_encryption_is_read_from_the_layers_of_a_disk(
    tmp_path: Path, uuid: str, encrypted: bool
) -> None:
    """An LVM volume on a LUKS partition: the layer below counts."""
    info = tmp_path / "proc/self/mountinfo"
    info.parent.mkdir(parents=True)
    info.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"2 1 253:0 / {tmp_path}/my\\040models rw - xfs /dev/mapper/vg-m rw\n"
    )
    upper = tmp_path / "sys/dev/block/253:0"
    lower = tmp_path / "sys/devices/dm-1/dm"
    for folder in (upper / "slaves", upper / "dm", lower):
        folder.mkdir(parents=True)
    (upper / "dm/uuid").write_text("LVM-xyz\n")
    (lower / "uuid").write_text(f"{uuid}\n")
    (lower / "name").write_text("luks-root\n")
    (upper / "slaves/dm-1").symlink_to(lower.parent)
    found = mount_of(tmp_path / "my models/store", tmp_path)
    assert found is not None
    assert (found.kind, found.device, found.encrypted) == ("xfs", "/dev/mapper/vg-m", encrypted)
    assert ("luks-root" in found.how) == encrypted
