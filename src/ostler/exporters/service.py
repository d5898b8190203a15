"""A systemd unit that runs `ostler serve` itself, for the system or for one user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ostler.exporters.systemd import HARDENING, quoted, setting

SECRETS = "serve.env"  # in the home: lines such as HF_TOKEN=..., which never stand in a unit
ENDING = 15.0  # seconds beyond the drain, in which the engines end
# Of the system alone: they need rights that a user's own systemd lacks.
SYSTEM = (
    *HARDENING,
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
)
# Where engines keep kernels that they compiled: below ~/.cache, which the unit may not write.
CACHES = {
    "VLLM_CACHE_ROOT": "vllm",
    "TRITON_CACHE_DIR": "triton",
    "FLASHINFER_WORKSPACE_BASE": "flashinfer",
    "CUDA_CACHE_PATH": "cuda",
}
# GPUs stay visible (no PrivateDevices), and compilers of kernels may write code
# (no MemoryDenyWriteExecute).
EVERYWHERE = (
    "UMask=0077",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "SystemCallArchitectures=native",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
)


def service(
    argv: Sequence[str],
    env: Mapping[str, str],
    home: str,
    user: str | None,
    *,
    drain: float = 30.0,
    writes: Sequence[str] = (),
) -> str:
    """Return the text of the unit that runs `argv`: of the system as `user`, of a user where None.

    `home` is what the server writes into, `writes` are other folders; `drain` is how long running
    answers may go on, in seconds. Secrets are in a file of the home, and never here.
    """
    caches = {name: f"{home}/cache/{place}" for name, place in CACHES.items()} if user else {}
    env = caches | dict(env)
    lines = [
        "[Unit]",
        "Description=Ostler, open language models at one address",
        *(("After=network-online.target", "Wants=network-online.target") if user else ()),
        "",
        "[Service]",
        "Type=exec",
        *((f"User={user}",) if user else ()),
        *(setting(name, value) for name, value in sorted(env.items())),
        f"EnvironmentFile=-{literal(f'{home}/{SECRETS}')}",
        "ExecStart=" + " ".join(quoted(word) for word in argv),
        "ExecReload=/bin/kill -HUP $MAINPID",
        "KillSignal=SIGTERM",
        "# The server ends its engines. Those of one that crashed wait for the next one as",
        "# long as `adopt` in ostler.yaml says, and end by themselves.",
        "KillMode=process",
        f"TimeoutStopSec={drain + ENDING:.0f}",
        "Restart=on-failure",
        "RestartSec=2",
        "LimitNOFILE=65536",
        *(SYSTEM if user else ("NoNewPrivileges=yes",)),
        *EVERYWHERE,
        *(
            (f"ReadWritePaths={quoted(path, dollar='$')}" for path in (home, *writes))
            if user
            else ()
        ),
        "",
        "[Install]",
        f"WantedBy={'multi-user' if user else 'default'}.target",
    ]
    return "\n".join(lines) + "\n"


def literal(path: str) -> str:
    """Write a path where systemd takes the whole line for one, but for `%`."""
    return path.replace("%", "%%")
