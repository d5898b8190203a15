"""A real podman for tests: its API on a socket, with the image that dockerd's tests have.

It runs in a mount namespace of its own, where /etc has what it looks for (who may be trusted, which
GPUs there are) and nothing of that is written to this machine. Ports are published by Docker's own
proxy instead of a firewall's rules. It wants Linux, root and the programs that `make test` unpacks;
`Unavailable` says what is missing.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ostler.nouns import Image
from ostler.testing.dockerd import (
    LLAMACPP_WORDS,
    PATIENCE,
    Dockerd,
    Unavailable,
    delete_bridge,
    imported,
    wait_for,
)
from ostler.testing.engine_image import write_image

GPUS = ("0", "1")  # that the Container Device Interface names here
POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
# Podman wants more open files for a container than this machine's root may give.
RUNTIME = """#!{python} -IS
import json, os, sys
if "--bundle" in sys.argv:
    place = os.path.join(sys.argv[sys.argv.index("--bundle") + 1], "config.json")
    with open(place) as file:
        config = json.load(file)
    config["process"].pop("rlimits", None)
    with open(place, "w") as file:
        json.dump(config, file)
os.execv("{runc}", ["runc", *sys.argv[1:]])
"""
# A network plugin (CNI) that publishes a port by a process, as dockerd does without a firewall.
PROXY = """#!{python} -IS
import json, os, signal, subprocess, sys
config, order = json.load(sys.stdin), os.environ["CNI_COMMAND"]
place = os.path.join("{state}", os.environ.get("CNI_CONTAINERID", ""))
if order == "VERSION":
    print(json.dumps(dict(cniVersion="0.4.0", supportedVersions=["0.4.0"])))
elif order == "ADD":
    address, pids = config["prevResult"]["ips"][0]["address"].partition("/")[0], []
    for one in config.get("runtimeConfig", dict()).get("portMappings", []):
        argv = ["{proxy}", "-proto", one["protocol"], "-host-ip", one.get("hostIP") or "127.0.0.1",
                "-host-port", str(one["hostPort"]), "-container-ip", address,
                "-container-port", str(one["containerPort"])]
        null = subprocess.DEVNULL
        pids.append(subprocess.Popen(argv, stdin=null, stdout=null, stderr=null).pid)
    with open(place, "w") as file:
        json.dump(pids, file)
    print(json.dumps(config["prevResult"]))
elif order == "DEL" and os.path.exists(place):
    with open(place) as file:
        for pid in json.load(file):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
    os.unlink(place)
"""
# `sh -c` with: a folder for /etc's additions, what to add, and then the program's words.
INSIDE = """set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work"
cp -r "$2/." "$1/upper/"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
shift 2
exec "$@"
"""


@contextmanager
def podman(unpacked: Path, folder: Path) -> Iterator[Dockerd]:
    """Run one under `folder`. Raises Unavailable."""
    tree = unpacked / "podman"
    program = tree / "usr/bin/podman"
    if not os.path.exists("/proc/self/ns/mnt") or os.geteuid() != 0:
        raise Unavailable("podman wants Linux and root")
    if not program.exists() or not shutil.which("unshare"):
        raise Unavailable("podman not found: `make consumers`")
    env = configured(unpacked, tree, folder)
    path = str(folder / "podman.sock")
    inside = (str(folder / "over"), str(folder / "etc"))
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, "sh", *inside]
    argv += [str(program), "system", "service", "--time=0", f"unix://{path}"]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(argv, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(path, server, folder / "log", "podman")
            id = imported(path, write_image(folder / "image.tar"))
            image = Image("llamacpp", id, "wheel", LLAMACPP_WORDS, "wheel", "made for tests")
            yield Dockerd(path, image, env["PATH"], None)
        finally:
            server.terminate()
            server.wait(PATIENCE)
            # Its plugin made the bridge with the first container, if there was one.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way, suppress(OSError):
                delete_bridge(way, bridge_name().encode())


def configured(unpacked: Path, tree: Path, folder: Path) -> dict[str, str]:
    """Write what podman reads, and return the environment that it runs in."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("etc/containers", "etc/cdi", "net", "plugins", "state", "over"):
        (folder / name).mkdir(parents=True)
    files = {
        "etc/containers/policy.json": json.dumps(POLICY),
        "etc/cdi/nvidia.json": json.dumps(devices()),
        "net/podman.conflist": json.dumps(network(folder)),
        "containers.conf": settings(unpacked, tree, folder),
        "storage.conf": storage(folder),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    names = {"python": os.path.realpath(sys.executable), "runc": str(unpacked / "usr/sbin/runc")}
    write_program(folder / "runtime", RUNTIME, **names)
    proxy = {"state": str(folder / "state"), "proxy": str(unpacked / "usr/sbin/docker-proxy")}
    write_program(folder / "plugins" / "ostler-proxy", PROXY, **names, **proxy)
    libraries = [str(root / "usr/lib/x86_64-linux-gnu") for root in (tree, unpacked)]
    programs = [str(tree / "usr/bin"), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]
    return {
        **os.environ,
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "PATH": os.pathsep.join(programs),
    }


def write_program(place: Path, text: str, **names: str) -> None:
    """Write a small program with these names filled in."""
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    place.write_text(text)
    place.chmod(0o755)


def devices() -> dict[str, object]:
    """GPUs as NVIDIA's toolkit names them to the Container Device Interface; each says itself."""
    edits = [{"name": one, "containerEdits": {"env": [f"GIVEN_{one}=1"]}} for one in GPUS]
    return {"cdiVersion": "0.3.0", "kind": "nvidia.com/gpu", "devices": edits}


def network(folder: Path) -> dict[str, object]:
    """A bridge of its own and ports by the proxy; no firewall is touched."""
    number = os.getpid()
    subnet = f"10.{150 + number % 50}.{number // 50 % 256}.0/24"
    own = {"type": "host-local", "ranges": [[{"subnet": subnet}]], "dataDir": f"{folder}/state/ip"}
    ways = {**own, "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": bridge_name(), "isGateway": True}
    return {
        "cniVersion": "0.4.0",
        "name": "podman",
        "plugins": [
            {**bridge, "ipMasq": False, "ipam": ways},
            {"type": "ostler-proxy", "capabilities": {"portMappings": True}},
        ],
    }


def bridge_name() -> str:
    """The bridge of this run's containers; a name has at most 15 letters."""
    return f"ostlerp{os.getpid() % 10**7}"


def settings(unpacked: Path, tree: Path, folder: Path) -> str:
    """podman's own settings, in TOML."""
    return f"""[network]
network_backend = "cni"
cni_plugin_dirs = ["{tree}/usr/lib/cni", "{folder}/plugins"]
network_config_dir = "{folder}/net"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
conmon_path = ["{tree}/usr/bin/conmon"]
helper_binaries_dir = ["{tree}/usr/lib/podman"]
init_path = "{unpacked}/usr/bin/tini-static"
runtime = "ostler"
[engine.runtimes]
ostler = ["{folder}/runtime"]
"""


def storage(folder: Path) -> str:
    """Where it keeps images and containers."""
    return f"""[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""
