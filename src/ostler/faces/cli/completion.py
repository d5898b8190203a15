"""`ostler completion`: what a shell reads to complete commands, options and model names."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what SHELL reads to complete commands, options, kept models, downloads and jobs.

    Write it where your shell looks; it holds from the next shell on. For zsh, ~/.zshrc says
    `fpath+=~/.zfunc` before it says `autoload -Uz compinit; compinit`.

    \b
    ostler completion bash > ~/.local/share/bash-completion/completions/ostler
    ostler completion zsh > ~/.zfunc/_ostler
    ostler completion fish > ~/.config/fish/completions/ostler.fish
    """
    from ostler.faces.cli.completing import script

    click.echo(script("ostler", shell, ctx.find_root().command), nl=False)
