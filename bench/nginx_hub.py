"""A hub of files that nginx serves alone: the fastest source, so that the clients are measured.

nginx comes from the system's packages, unpacked into `.bench/nginx`; what a hub answers to
questions is written down once as files beside the weights.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import struct
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(".bench").absolute()
PACKAGES = ("nginx", "nginx-common")
COMMIT = "c" * 40
REPO = "acme/big"
HEADER_ROOM = 4096  # bytes for a shard's header, padded with spaces as the format allows


@dataclass(frozen=True, slots=True)
class Hub:
    """A running nginx: its addresses, and the files it gives (name -> size)."""

    address: str
    secure: str
    certificate: Path
    files: dict[str, int]


def shards(folder: Path, count: int, each: int) -> dict[str, str]:
    """Write `count` safetensors files of `each` bytes of weights; return their sha256 by name."""
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "hashes.json"
    if known.exists():
        hashes: dict[str, str] = json.loads(known.read_text())
        if len(hashes) == count and all((folder / name).exists() for name in hashes):
            return hashes
    names = [f"model-{n + 1:05}-of-{count:05}.safetensors" for n in range(count)]
    hashes = {name: _shard(folder / name, each) for name in names}
    known.write_text(json.dumps(hashes))
    return hashes


def _shard(path: Path, size: int) -> str:
    """Write one valid file: a single F16 tensor of random bits."""
    tensor = {"w": {"dtype": "F16", "shape": [size // 2], "data_offsets": [0, size]}}
    header = json.dumps(tensor).encode().ljust(HEADER_ROOM)
    sha256 = hashlib.sha256()
    with path.open("wb") as file:
        pieces = [struct.pack("<Q", len(header)) + header]
        for at in range(0, size, 2**24):
            pieces.append(os.urandom(min(2**24, size - at)))
            for piece in pieces:
                file.write(piece)
                sha256.update(piece)
            pieces = []
    return sha256.hexdigest()


@contextlib.contextmanager
def running(folder: Path, hashes: dict[str, str]) -> Iterator[Hub]:
    """Serve the shards as a Hugging Face hub and as a ModelScope one."""
    sizes = {name: (folder / name).stat().st_size for name in hashes}
    _write_answers(folder / "answers", hashes, sizes)
    plain, secure = _free_port(), _free_port()
    key, certificate = _certificate(CACHE / "tls")
    place = CACHE / f"nginx-run-{folder.name}"
    place.mkdir(parents=True, exist_ok=True)
    config = place / "nginx.conf"
    config.write_text(_config(folder, hashes, sizes, plain, secure, key, certificate))
    server = subprocess.Popen([_nginx(), "-p", str(place), "-c", str(config)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        address = f"http://127.0.0.1:{plain}"
        _await(address)
        yield Hub(address, f"https://127.0.0.1:{secure}", certificate, sizes)
    finally:
        server.terminate()
        server.wait()


def _nginx() -> str:
    program = CACHE / "nginx/usr/sbin/nginx"
    if not program.exists():
        packages = CACHE / "deb"
        packages.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", *PACKAGES], cwd=packages, check=True)
        for package in packages.glob("nginx*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(CACHE / "nginx")], check=True)
    return str(program)


def _certificate(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    if not certificate.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
    return key, certificate


def _write_answers(folder: Path, hashes: dict[str, str], sizes: dict[str, int]) -> None:
    """Write what the hubs answer to questions."""
    folder.mkdir(exist_ok=True)
    info = {
        "id": REPO, "sha": COMMIT, "modelId": REPO, "author": "acme", "private": False,
        "gated": False, "disabled": False, "tags": ["safetensors"], "downloads": 0, "likes": 0,
        "lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z",
        "siblings": [
            {"rfilename": name, "size": sizes[name], "blobId": sha[:40],
             "lfs": {"sha256": sha, "size": sizes[name], "pointerSize": 135}}
            for name, sha in hashes.items()
        ],
    }  # fmt: skip
    tree = [
        {"type": "file", "path": name, "size": sizes[name], "oid": sha[:40],
         "lfs": {"oid": sha, "size": sizes[name], "pointerSize": 135}}
        for name, sha in hashes.items()
    ]  # fmt: skip
    scope = [
        {"Path": name, "Name": name, "Type": "blob", "Size": sizes[name], "Sha256": sha,
         "Revision": COMMIT, "IsLFS": True}
        for name, sha in hashes.items()
    ]  # fmt: skip
    (folder / "info.json").write_text(json.dumps(info))
    (folder / "tree.json").write_text(json.dumps(tree))
    (folder / "scope.json").write_text(
        json.dumps({"Code": 200, "Success": True, "Data": {"Files": scope}})
    )


def _config(
    folder: Path, hashes: dict[str, str], sizes: dict[str, int], plain: int, secure: int,
    key: Path, certificate: Path,
) -> str:  # fmt: skip
    names = "\n".join(f"    ~/{name}$ {sha};" for name, sha in hashes.items())
    lengths = "\n".join(f"    ~/{name}$ {size};" for name, size in sizes.items())
    return f"""
daemon off; worker_processes 2; pid nginx.pid; error_log error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u;
  scgi_temp_path s;
  map $uri $sha {{ default "";
{names}
  }}
  map $uri $bytes {{ default "";
{lengths}
  }}
  server {{
    listen 127.0.0.1:{plain};
    listen 127.0.0.1:{secure} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    location = /api/models/{REPO} {{ default_type application/json;
      alias {folder}/answers/info.json; }}
    location /api/models/{REPO}/revision/ {{ default_type application/json;
      rewrite ^ /answers/info.json break; root {folder}; }}
    location /api/models/{REPO}/tree/ {{ default_type application/json;
      rewrite ^ /answers/tree.json break; root {folder}; }}
    location ~ ^/{REPO}/resolve/[^/]+/(.+)$ {{
      add_header X-Repo-Commit {COMMIT}; add_header X-Linked-Etag '"$sha"';
      add_header X-Linked-Size $bytes; alias {folder}/$1; }}
    location = /api/v1/models/{REPO}/repo/files {{ default_type application/json;
      alias {folder}/answers/scope.json; }}
    location = /api/v1/models/{REPO}/repo {{ rewrite ^ /$arg_FilePath break; root {folder}; }}
    location /files/ {{ alias {folder}/; }}
  }}
}}
"""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _await(address: str) -> None:
    """Wait until it answers; the first request of a run should not be the slow one."""
    until = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"{address}/api/models/{REPO}", timeout=5):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
