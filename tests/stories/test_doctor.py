"""What `ostler doctor` says of a home that is well, of ten that are not, and of no network."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


def test_secrets_that_others_could_read(shell: Shell) -> None:
    """A token file with open rights; a password in a file that gets shown, which is not shown."""
    home = Path(shell.env["OSTLER_HOME"])
    token = Path(shell.env["HF_HOME"]) / "token"
    token.parent.mkdir(parents=True)
    home.chmod(0o700)
    token.write_text("hf_x")
    token.chmod(0o644)
    (home / "ostler.yaml").write_text("models:\n  git:https://anna:s3cret@h/x/y: {}\n")
    settings = home / "settings.toml"
    settings.write_text('database = "postgresql://anna:s3cret@127.0.0.1:9/x"\n')
    settings.chmod(0o644)
    done = shell.run("doctor", "--offline", OSTLER_DATABASE=str(home / "x"))
    assert done.code == Unwell.exit_code
    assert "s3cret" not in done.out + done.err
    said = done.out
    for fix in (f"chmod 600 {token}", f"chmod 600 {settings}", "Take it out, and change it"):
        assert fix in said, said


def test_an_engine_that_was_made_for_another_python(shell: Shell, tmp_path: Path) -> None:
    for name, stamp in (("mlx", "of another day"), ("infinity", None)):
        (tmp_path / name).mkdir()
        if stamp:
            (tmp_path / name / ".ostler-ready").write_text(stamp)
    found = findings(shell, "--offline", OSTLER_ENGINES=str(tmp_path))
    assert found["engines"] == ["ok", "warn", "warn"]
    said = "\n".join(found["said"])
    assert "made for other pins or another Python. ostler engine install mlx" in said
    assert "no finished installation" in said


def test_a_port_a_full_disk_and_a_home_of_somebody_else(shell: Shell) -> None:
    home = Path(shell.env["OSTLER_HOME"])
    home.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(home, 65534, 65534)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = {"OSTLER_PORT": str(taken.getsockname()[1]), "OSTLER_DISK_CRITICAL_GB": "9999999"}
        found = findings(shell, "--offline", code=Unwell.exit_code, **wrong)
    assert (found["ports"], found["disk"]) == (["ok", "warn"], ["fail"])
    assert "taken by another program. ostler serve --port N" in "\n".join(found["said"])
    if os.geteuid() == 0:
        assert found["permissions"][0] == "warn"
        assert "sudo chown -R" in "\n".join(found["said"])


def test_a_clock_that_is_wrong(shell: Shell) -> None:
    """A hub whose clock is an hour behind ours."""

    class Late(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(b"{}")

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() - 3600)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub = f"http://127.0.0.1:{server.server_port}"
        found = findings(shell, code=Unwell.exit_code, HF_ENDPOINT=hub, OSTLER_ENDPOINT=hub)
        server.shutdown()
    assert found["clock"] == ["fail"]
    assert "ahead of" in "\n".join(found["said"])


def test_a_licence_that_a_rule_forbids(shell: Shell) -> None:
    shell.ok("pull", f"{CHAT}#q8_0")
    (Path(shell.env["OSTLER_HOME"]) / "licences.yaml").write_text("block: [apache-2.0]\n")
    found = findings(shell, "--offline", code=Unwell.exit_code)
    assert found["licences"] == ["fail"]
    assert f"ostler licences accept {CHAT}" in "\n".join(found["said"])


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
