"""llama.cpp's own `-hf org/name:quant`: from our hub, and offline from what is kept here.

It is llama.cpp's code for that name that runs here (common/download, common/hf-cache), out of the
wheel that has it; no binary of llama-server is needed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.stories.conftest import CHAT, Shell

from ostler.store import Store

# The wheel asks for a path, and llama.cpp replaces it by the file that the name stands for.
PROGRAM = """
import sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.model.hf_repo = "none", sys.argv[1]
params.offline = sys.argv[2] == "offline"
params.n_ctx, params.warmup, params.port = 128, False, 0
server = xllamacpp.Server(params)
said = server.handle_completions({"prompt": "Hello", "max_tokens": 4, "temperature": 0})
print("SAID", repr(said["choices"][0]["text"]))
"""


def said_by_llamacpp(shell: Shell, name: str, how: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name, how],
        env=shell.env | env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SAID")]
    return line


def test_from_our_hub_and_offline_through_the_view(shell: Shell, tmp_path: Path) -> None:
    own = tmp_path / "its-own-cache"
    fetched = said_by_llamacpp(shell, f"{CHAT}:Q8_0", "online", HF_HUB_CACHE=str(own))
    (blob,) = (own / f"models--{CHAT.replace('/', '--')}/blobs").iterdir()
    shell.ok("pull", f"{CHAT}#q8_0", "--quiet")
    (manifest,) = Store(Path(shell.env["OSTLER_HOME"])).manifests()
    weights = max(manifest.files, key=lambda file: file.size)
    assert blob.name == weights.sha256
    view = shell.ok("env", "--hub-cache").out.strip()
    nobody = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": view}
    assert said_by_llamacpp(shell, f"{CHAT}:Q8_0", "offline", **nobody) == fetched
    # what llama.cpp fetched by itself is taken in without its bytes coming again
    fresh = Shell(shell.env | {"OSTLER_HOME": str(tmp_path / "fresh")})
    (taken,) = fresh.ok("import", str(own), "--json").json()
    assert taken["name"] == CHAT
