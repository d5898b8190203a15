"""A systemd unit that starts exactly the process Ostler would start."""

from __future__ import annotations

from ostler.core.visible import visible
from ostler.nouns import LaunchSpec


def unit(spec: LaunchSpec, user: str) -> str:
    """Return the text of a system unit; secrets are never in it, engines need none.

    The weights are read-only for it, and only its own working folder can be written.
    """
    env = {**visible(spec.devices), **spec.env}
    lines = [
        "[Unit]",
        f"Description={spec.model.id.replace('%', '%%')} by {spec.engine}, written by Ostler",
        "After=network.target",
        "",
        "[Service]",
        "Type=exec",
        f"User={user}",
        *(setting(name, value) for name, value in sorted(env.items())),
        *_folder(spec),
        "ExecStart=" + " ".join(quoted(word) for word in spec.argv),
        f"TimeoutStartSec={spec.deadline:.0f}",
        "KillSignal=SIGTERM",
        "Restart=on-failure",
        "RestartSec=5",
        *HARDENING,
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


HARDENING = (
    "NoNewPrivileges=yes",
    "PrivateTmp=yes",
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "CapabilityBoundingSet=",
    "RestrictSUIDSGID=yes",
)


def _folder(spec: LaunchSpec) -> list[str]:
    """The working folder with its links, for engines that take a model by a path in it."""
    if spec.cwd is None:
        return []
    lines = [f"WorkingDirectory=-{spec.cwd}", f"ReadWritePaths=-{spec.cwd}"]
    for name, target in sorted(spec.links.items()):
        place = f"{spec.cwd}/{name}"
        parent = place.rpartition("/")[0]
        lines.append(f"ExecStartPre=+/bin/mkdir -p {quoted(parent)}")
        lines.append(f"ExecStartPre=+/bin/ln -sfn {quoted(target)} {quoted(place)}")
    return lines


def setting(name: str, value: str) -> str:
    """Return the line for one variable; there, unlike in a command, a dollar means itself."""
    return f"Environment={quoted(f'{name}={value}', dollar='$')}"


def quoted(word: str, dollar: str = "$$") -> str:
    """Write a word as systemd reads it back: quotes, backslashes, `%` and `$` mean themselves."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", dollar)
    text = text.replace("\n", "\\n").replace("\t", "\\t")
    plain = text and all(letter.isalnum() or letter in "-_./:=@+,%#" for letter in text)
    return text if plain else f'"{text}"'
