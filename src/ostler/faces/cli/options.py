"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from ostler.settings import LONGEST_CONTEXT

MOST_GPUS = 1024  # every one of them is looked at
GPUS = click.IntRange(1, MOST_GPUS)
MOST_SEQUENCES = 65_536
TOKENS = click.IntRange(1, LONGEST_CONTEXT)


class Number(click.FloatRange):
    """A number in a range; `nan` and `inf`, which Python reads as numbers too, are none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number to count with.", param, ctx)
        return number


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
endpoint = click.option(
    "--endpoint", metavar="URL", help="The hub to ask. [env: HF_ENDPOINT; https://huggingface.co]"
)
offline = click.option(
    "--offline", is_flag=True, help="Use only what is kept here. [env: OSTLER_OFFLINE]",
    callback=lambda context, _, value: value or context.obj.offline,
)  # fmt: skip
engine = click.option("--engine", metavar="NAME", help="Take this engine; refused if it cannot.")
context = click.option("--context", type=TOKENS, metavar="N", help="Tokens for each sequence.")
sequences = click.option(
    "--sequences", type=click.IntRange(1, MOST_SEQUENCES), metavar="N", default=1,
    show_default=True, help="Requests served at the same moment.",
)  # fmt: skip
kv_dtype = click.option(
    "--kv-dtype",
    default="f16",
    show_default=True,
    help="Type of the KV cache, such as q8_0.",
)
flags = click.option(
    "--flag", "flags", metavar="NAME[=VALUE]", multiple=True, callback=lambda _, __, said: tuple(
        (name.strip("-").replace("_", "-"), value)
        for name, _, value in (one.partition("=") for one in said)
    ),
    help="A flag of the engine's own, such as seed=7; may be repeated.",
)  # fmt: skip
dry_run = click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
yes = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
within = click.option(
    "--in", "within", type=click.Choice(("process", "container")),
    help="Run the engine as a process, or in its container. [env: OSTLER_LAUNCHER; process]",
)  # fmt: skip
image = click.option(
    "--image",
    metavar="NAME@sha256:...",
    help="The engine's image, by its digest. [the settings' images, else the one known]",
)
engine_version = click.option(
    "--engine-version", metavar="VERSION", help="The image's; its flags depend on it."
)
gpus = click.option("--gpu", "gpus", multiple=True, metavar="ID", help="A GPU; may be repeated.")
container_user = click.option(
    "--user", metavar="UID:GID", help="Who the engine runs as; the models' owner, if not said."
)
key_file = click.option(
    "--key-file", type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    metavar="FILE", help="Keys that callers must send, one a line; the engine reads them there.",
)  # fmt: skip
