"""A llama.cpp engine for one model, as a process: xllamacpp is llama.cpp's own server."""

import argparse
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def serve(path: Path, kind: str, flash: bool) -> None:
    """Be the engine for one model, until killed. Prints the address when it is ready."""
    # Here, because only the child needs it.
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 2048
    params.offline = True
    if not flash:
        disabled = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.flash_attn_type = disabled
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.embedding = kind != "chat"
    if kind == "rerank":
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(3600)


@contextmanager
def engine(path: Path, kind: str, flash: bool) -> Iterator[str]:
    """The address of an engine that serves one model."""
    command = [sys.executable, __file__, str(path), kind]
    command += ["--flash"] if flash else []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as child:
        try:
            yield next(line.strip() for line in child.stdout if line.startswith("http"))
        finally:
            # Destroying the server in its own process can deadlock; a signal always works.
            child.terminate()


def post(address: str, path: str, **body: object) -> object:
    """One request to the engine."""
    request = urllib.request.Request(
        address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve one model until killed.")
    parser.add_argument("path", type=Path)
    parser.add_argument("kind", choices=["chat", "embed", "rerank"])
    parser.add_argument("--flash", action="store_true")
    serve(**vars(parser.parse_args()))
