"""A model repository's folders: which of them Triton takes for models and for versions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ostler.core.sizes import file_size
from ostler.core.triton.finding import CONFIG, FAIL, WARN, Finding, Tree

WEIGHTS = (".safetensors", ".bin", ".gguf", ".pt", ".pth", ".h5", ".msgpack")
SECRET = re.compile(r"[a-z]+://[^/\s@]+:[^/\s@]+@")
NUMBER = re.compile(r"0|[1-9][0-9]*")  # with a zero before others, Triton passes it over
MOVE = "Keep weights outside the repository: `ostler export triton MODEL -o DIR` names only paths."


def models(tree: Tree) -> tuple[str, ...]:
    """Return the folders that are meant as models."""
    return tuple(name for name in tree.inside("") if not stray(name))


def versions(tree: Tree, model: str) -> tuple[str, ...]:
    """Return the versions of a model that Triton sees, the lowest first."""
    numbers = (name for name in tree.inside(model) if NUMBER.fullmatch(name))
    return tuple(sorted(numbers, key=int))


def stray(name: str) -> bool:
    """Whether a folder of the repository was not put there as a model."""
    return name == "lost+found" or name.startswith(".")


def check(tree: Tree) -> Iterator[Finding]:
    """Yield what is wrong with the repository's folders."""
    yield from _top(tree)
    for model in models(tree):
        yield from _model(tree, model)
    yield from _weights(tree)
    yield from _tokens(tree)


def _top(tree: Tree) -> Iterator[Finding]:
    for name in filter(stray, tree.inside("")):
        yield Finding(
            FAIL,
            "not_a_model",
            name,
            f"Triton takes every folder for a model, {name} too, and stops at it.",
            "Give Triton a folder within the volume: --model-repository VOLUME/model_repository.",
        )
    if not models(tree):
        yield Finding(
            FAIL,
            "no_models",
            "",
            "There is no model's folder in it.",
            "The repository is the folder that holds the models' folders: NAME/config.pbtxt.",
        )


def _model(tree: Tree, model: str) -> Iterator[Finding]:
    if f"{model}/{CONFIG}" not in tree.files:
        yield Finding(
            FAIL,
            "no_config",
            f"{model}/{CONFIG}",
            f"{model} has no {CONFIG}, so Triton does not know its backend.",
            "`ostler export triton MODEL -o DIR` writes one.",
        )
    for name in tree.inside(model):
        if not NUMBER.fullmatch(name):
            yield Finding(
                WARN,
                "not_a_version",
                f"{model}/{name}",
                f"{name} is no plain whole number, so Triton passes it over as a version.",
                f"Versions are folders such as {model}/1; move {name} out of the repository.",
            )
    if not versions(tree, model):
        yield Finding(
            FAIL,
            "no_version",
            model,
            f"{model} has no version to load: no folder whose name is a plain whole number.",
            f"Make {model}/1 and put its model.json there.",
        )


def _weights(tree: Tree) -> Iterator[Finding]:
    held: dict[str, int] = {}
    for path, size in tree.files.items():
        if path.lower().endswith(WEIGHTS):
            folder = path.rpartition("/")[0]
            held[folder] = held.get(folder, 0) + size
    for folder, size in sorted(held.items()):
        yield Finding(
            WARN,
            "weights_inside",
            folder,
            f"{file_size(size)} of weights lie in the repository, which Triton reads through "
            "whenever it polls.",
            MOVE,
        )


def _tokens(tree: Tree) -> Iterator[Finding]:
    for path, text in sorted(tree.texts.items()):
        if path.endswith(".git/config") and SECRET.search(text):
            yield Finding(
                FAIL,
                "token_in_clone",
                path,
                "The clone's address holds a password, which anyone who reads the volume has.",
                "End that token at the hub, then remove the clone: ostler pull needs no address.",
            )
