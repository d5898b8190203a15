"""All that is wrong with a Triton model repository, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ostler.core.triton import arguments, config, layout
from ostler.core.triton.finding import ARGUMENTS, CONFIG, FAIL, Finding, Tree


def check(tree: Tree) -> tuple[Finding, ...]:
    """Return what Triton would refuse or take otherwise than meant; empty where all is well."""
    found = [*layout.check(tree)]
    for model in layout.models(tree):
        found += _model(tree, model)
    return tuple(sorted(found, key=lambda one: (one.level != FAIL, one.path, one.code)))


def named(tree: Tree) -> Mapping[str, str]:
    """Return each model.json that a version has, and the path or name that it gives."""
    found: dict[str, str] = {}
    for model in layout.models(tree):
        for version in layout.versions(tree, model):
            path = f"{model}/{version}/{ARGUMENTS}"
            said = arguments.read(tree.texts.get(path, ""))
            if isinstance(said, Mapping) and isinstance(said.get("model"), str):
                found[path] = str(said["model"])
    return found


def _model(tree: Tree, model: str) -> Iterator[Finding]:
    path = f"{model}/{CONFIG}"
    if path not in tree.texts:
        return
    read = config.read(tree.texts[path], path, model)
    yield from read.findings
    if read.backend != "vllm":
        return
    for version in layout.versions(tree, model):
        place = f"{model}/{version}/{ARGUMENTS}"
        if place not in tree.texts:
            what = "The vLLM backend reads its arguments there, and there is no such file."
            yield Finding(FAIL, "no_arguments", place, what, "`ostler export triton` writes one.")
        else:
            target = tree.targets.get(place, "")
            yield from arguments.check(tree.texts[place], place, read.kind, target)
