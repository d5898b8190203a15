"""Serve one GGUF file over llama.cpp's own HTTP server, in this process.

`python -m ostler.programs.llamacpp MODEL.gguf --port 21000 --alias NAME`. One model per
process: the wheel's server has no stop, destroying a young one can deadlock, and a native crash
must not take anything else with it. So a server that runs ends through `os._exit`, never by
unloading.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from typing import Any, NoReturn

from ostler.programs import lingering

KV_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
LOG_LOADING = (
    4  # the verbosity at which llama.cpp says what it loads, what that takes, why it fails
)
LOG_SERVING = 3  # half the words for each request
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(argv: list[str] | None = None) -> None:
    """Load the model, serve until told to stop, let running requests end, leave."""
    flags = parse(argv)
    parent, linger = os.getppid(), lingering.from_environment()
    if linger is None:
        die_with_parent(parent)
    server = serve(flags)
    say_less()
    asked = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: asked.set())
    # The wait is in steps because only Linux tells a process that its parent died.
    while not asked.wait(1.0):
        if linger.is_over() if linger is not None else os.getppid() != parent:
            break
    drain(server, flags.grace)
    leave(0)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="ostler.programs.llamacpp", description=__doc__)
    parser.add_argument("model", help="the first (or only) GGUF file")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--alias", action="append", default=[], help="a name to serve it under")
    parser.add_argument("--task", choices=("chat", "embed", "rerank"), default="chat")
    parser.add_argument("--context", type=int, default=0, help="tokens per sequence; 0: its own")
    parser.add_argument("--parallel", type=int, default=1, help="sequences at the same moment")
    parser.add_argument("--threads", type=int, default=0, help="0: llama.cpp's own choice")
    parser.add_argument("--kv-dtype", choices=KV_TYPES, default="f16")
    parser.add_argument("--api-key-file", help="a file with one accepted key per line")
    parser.add_argument("--grace", type=float, default=30.0, help="seconds to let requests end")
    return parser.parse_args(argv)


def die_with_parent(parent: int) -> None:
    """Ask Linux for SIGTERM when the parent dies; elsewhere the main loop watches for it."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    expected = int(os.environ.get("OSTLER_PARENT") or parent)
    if os.getppid() != expected:  # it died before the kernel was asked
        leave(1)


def load_openmp() -> None:
    """Load the OpenMP library that an environment carries for systems that have none."""
    own = f"{sys.prefix}/lib/libgomp.so.1"
    if os.path.exists(own):
        import ctypes

        ctypes.CDLL(own, ctypes.RTLD_GLOBAL)


def serve(flags: argparse.Namespace) -> Any:
    """Start the server; it answers /health with 503 until the model is loaded."""
    load_openmp()
    import xllamacpp

    try:
        return xllamacpp.Server(params(xllamacpp, flags))
    except RuntimeError as error:
        # A normal end, as there is no server to unload: it is what makes llama.cpp write the last
        # lines of its log, which say why, and which a thread of its own still holds.
        sys.exit(f"ostler: llama.cpp gave up and its log says why ({error})")


def say_less() -> None:
    """Lower llama.cpp's verbosity, now that the model is loaded; the wheel has no call for it."""
    import ctypes

    import xllamacpp

    library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    with contextlib.suppress(ValueError):  # a build that hides its variables stays as it is
        ctypes.c_int.in_dll(library, "common_log_verbosity_thold").value = LOG_SERVING


def params(xllamacpp: Any, flags: argparse.Namespace) -> Any:
    """Put the flags into llama.cpp's parameters."""
    p = xllamacpp.CommonParams()
    p.model.path = flags.model
    p.model_alias = set(flags.alias)
    p.hostnames, p.port = [flags.host], flags.port
    p.offline, p.ui = True, False
    p.verbosity = LOG_LOADING
    p.endpoint_metrics = True
    p.cors_origins, p.cors_origins_explicit = "", True  # no web page may read from this port
    p.fit_params = False  # what fits was decided before this process was started
    p.cache_ram_mib = 0  # by default it keeps up to 8 GiB of prompts, which no estimate counts
    p.n_parallel = flags.parallel
    p.n_ctx = flags.context * flags.parallel  # llama.cpp divides it among the sequences
    p.cache_type_k = p.cache_type_v = kv_type(xllamacpp, flags.kv_dtype)
    if flags.threads:
        p.cpuparams.n_threads = p.cpuparams_batch.n_threads = flags.threads
    if flags.api_key_file:
        p.api_keys = keys(flags.api_key_file)
    if flags.task != "chat":
        p.embedding = True
        # An encoder reads the whole text at once, so one batch must hold a whole sequence.
        p.n_batch = p.n_ubatch = max(p.n_ubatch, flags.context)
    if flags.task == "rerank":
        p.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    return p


def kv_type(xllamacpp: Any, name: str) -> Any:
    """The library's constant for a KV cache type."""
    return getattr(xllamacpp.ggml_type, f"GGML_TYPE_{name.upper()}")


def keys(path: str) -> list[str]:
    """The keys in a file; they are never on the command line, where everyone could read them."""
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip()]


def drain(server: Any, grace: float) -> None:
    """Wait until no request runs or waits, at most `grace` seconds.

    New requests are still taken meanwhile: closing the listening socket makes llama.cpp cancel
    the running ones. Whoever stops us has stopped sending first.
    """
    if not busy(server):
        return  # whoever stops us has read its last answer
    end = time.monotonic() + grace
    while busy(server) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.05)  # the last bytes of the last answer are still being written


def busy(server: Any) -> bool:
    """Whether llama.cpp counts a running or waiting request."""
    counts = [
        line.rpartition(" ")[2]
        for line in server.handle_metrics().splitlines()
        if line.startswith(("llamacpp:requests_processing ", "llamacpp:requests_deferred "))
    ]
    return any(float(count) for count in counts)


def leave(code: int) -> NoReturn:
    """End now, without unloading anything."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
