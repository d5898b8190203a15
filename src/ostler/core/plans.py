"""What to do, as values: which files a pull takes, what a removal frees, what a sweep drops."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from ostler.core import paths, quants
from ostler.core.sizes import file_size
from ostler.errors import EngineUnsupported, FileNotInRepo
from ostler.nouns import (
    Format,
    KeptFile,
    Listing,
    Manifest,
    Planned,
    PullPlan,
    RemoteFile,
    Removal,
    Variant,
)

RAW = (
    "There is no config.json: these are raw checkpoints, not in Transformers format, and no engine "
    "here loads them."
)
ON_GPUS = ("nvidia", "amd")  # platforms where a pull is for vLLM

# What an engine on each kind of device reads: llama.cpp on CPU and Apple, vLLM on the others.
FORMATS = {
    "cpu": (Format.GGUF, Format.SAFETENSORS, Format.PYTORCH),
    "apple": (Format.GGUF, Format.SAFETENSORS, Format.PYTORCH),
    "nvidia": (Format.SAFETENSORS, Format.GGUF, Format.PYTORCH),
    "amd": (Format.SAFETENSORS, Format.GGUF, Format.PYTORCH),
}

_ALONGSIDE = (
    *(".json", ".jsonl", ".txt", ".model", ".jinja", ".md", ".rst", ".py", ".tiktoken"),
    *(".vocab", ".bpe", ".spm", ".yaml", ".yml", ".toml"),
)
LEGAL = re.compile(r"(?i)(?:licen[cs]e|readme|notice|use_policy|copying|copyright)")
_OTHER_FOLDERS = {"onnx", "openvino", "coreml", "original", "metal", "tflite", "gguf", "mlx"}
_OTHER_FRAMEWORK = re.compile(
    r".*\.(?:onnx|onnx_data|h5|msgpack|tflite|mlmodel|mlpackage|ckpt|ot|nemo|pdparams|keras|pb)"
)
_TRAINING = re.compile(
    r"(?:optimizer|scheduler|rng_state|training_args|trainer_state|scaler|events\.out).*"
    r"|.*\.tfevents.*"
)
_WEIGHT_INDEX = re.compile(r"(?P<stem>.+)\.(?P<kind>safetensors|bin)\.index\.json")


def key(file: RemoteFile | KeptFile) -> str:
    """Return what names the file's content: its sha256, or its git blob id where that is all."""
    if file.sha256:
        return file.sha256
    if file.git_sha1:
        return file.git_sha1
    raise FileNotInRepo(
        f"The hub names no hash for {file.path}, so it could not be verified.",
        hint="Leave it out with --exclude, or use another endpoint.",
        path=file.path,
    )


def pull_plan(
    listing: Listing,
    have: Collection[str],
    *,
    quant: str | None = None,
    fallback: str = "none",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    everything: bool = False,
    platform: str | None = None,
) -> PullPlan:
    """Sort a repository's files into those to fetch, those kept already, those left.

    `have` holds the keys (see `key`) of the contents already here. `include` takes exactly what
    its globs match and makes no choice of its own; `exclude` is applied last. `platform` is one
    of FORMATS or None, and counts only where no quantization is named.
    Raises QuantizationNotFound, IncompleteShards, UnsafePath, FileNotInRepo, and
    EngineUnsupported where `platform` names GPUs and the only weights are raw checkpoints.
    """
    paths.refuse_unsafe(file.path for file in listing.files)
    choices = quants.variants(file.path for file in listing.files)
    chosen, rule = None, ""
    if quant or (choices and not include and not everything):
        chosen, rule = quants.choose(choices if quant else _for(platform, choices), quant, fallback)
    sorter = _Sorter(choices, chosen, rule, tuple(include), tuple(exclude), everything)
    wanted: list[Planned] = []
    ignored: list[Planned] = []
    for file in sorted(listing.files, key=lambda file: file.path):
        take, because = sorter.sort(file.path)
        (wanted if take else ignored).append(Planned(file, because))
    if not wanted:
        raise FileNotInRepo(
            f"Nothing in {listing.name} matches what was asked for.",
            hint=f"`ostler files {listing.name}` lists what is there.",
        )
    fetch = tuple(one for one in wanted if key(one.file) not in have)
    kept = tuple(one for one in wanted if key(one.file) in have)
    notes = (*([f"Chosen: {rule}."] if rule else []), *_savings(ignored), *sorter.warnings())
    if chosen and chosen.format is Format.PYTORCH and not _lists(listing, "config.json"):
        hint = f"Try {listing.name}-hf: the same model, converted, often has that name."
        if platform in ON_GPUS:
            raise EngineUnsupported(f"{listing.name} cannot be served by vLLM. {RAW}", hint=hint)
        notes += (f"{RAW} {hint}",)
    return PullPlan(listing, chosen.name if chosen else None, fetch, kept, tuple(ignored), notes)


def _lists(listing: Listing, path: str) -> bool:
    return any(file.path == path for file in listing.files)


def _for(platform: str | None, choices: Sequence[Variant]) -> Sequence[Variant]:
    """Keep the choices in the first format that suits the platform and is there."""
    for kind in FORMATS[platform or "cpu"]:
        suited = [one for one in choices if one.format is kind]
        if suited:
            return suited
    return choices


class _Sorter:
    """The rules that take or leave one file, in the order in which they are asked."""

    def __init__(
        self,
        choices: Sequence[Variant],
        chosen: Variant | None,
        rule: str,
        include: tuple[str, ...],
        exclude: tuple[str, ...],
        everything: bool,
    ) -> None:
        self.owner = {path: one for one in choices for path in one.files}
        self.chosen, self.rule = chosen, rule
        self.include, self.exclude, self.everything = include, exclude, everything

    def sort(self, path: str) -> tuple[bool, str]:
        """Return whether the file is wanted, and why."""
        if glob := _match(path, self.exclude):
            return False, f"excluded by {glob}"
        if self.include:
            glob = _match(path, self.include)
            if not glob:
                return False, "not included"
            if not self.chosen or path not in self.owner:
                return True, f"included by {glob}"
        if self.everything and not self.chosen:
            return True, "everything was asked for"
        return self._by_role(path)

    def _by_role(self, path: str) -> tuple[bool, str]:
        owner = self.owner.get(path)
        if owner and owner == self.chosen:
            return True, f"weights: {self.rule}"
        if owner and self.chosen:
            same = owner.format is self.chosen.format
            return False, f"another {'choice' if same else 'format'}: {owner.name}"
        if self.everything:
            return True, "everything was asked for"
        return self._alongside(path)

    def _alongside(self, path: str) -> tuple[bool, str]:
        folder, _, name = path.lower().rpartition("/")
        if folder and _OTHER_FOLDERS & set(folder.split("/")):
            return False, "a copy for another framework"
        if _OTHER_FRAMEWORK.fullmatch(name):
            return False, "weights for another framework"
        if _TRAINING.fullmatch(name) or "checkpoint-" in folder:
            return False, "state of the training, not needed to run it"
        if index := _WEIGHT_INDEX.fullmatch(name):
            return self._index(index)
        if LEGAL.match(name):
            return True, "terms and description"
        if name.endswith(_ALONGSIDE):
            return True, "small file that loading may need"
        if name.endswith(".safetensors") and self._takes(Format.SAFETENSORS):
            return True, "a part of the model in its own folder"
        if "mmproj" in name:
            return False, "vision projector; take it with --include"
        return False, "neither weights nor needed to load them"

    def _index(self, index: re.Match[str]) -> tuple[bool, str]:
        kind = Format.SAFETENSORS if index["kind"] == "safetensors" else Format.PYTORCH
        if self._takes(kind):
            return True, "index of the shards"
        return False, f"index of {kind} shards that are not fetched"

    def _takes(self, kind: Format) -> bool:
        return self.chosen is not None and self.chosen.format is kind

    def warnings(self) -> list[str]:
        """Return what the user should know of the choice beyond its sizes."""
        if not self.chosen or not any(_match(path, self.exclude) for path in self.chosen.files):
            return []
        return [f"--exclude leaves out a part of {self.chosen.name}: it will not be servable."]


def _match(path: str, globs: Iterable[str]) -> str | None:
    """Return the first glob that matches; one that ends in / means all below that folder."""
    for glob in globs:
        if fnmatchcase(path, f"{glob}*" if glob.endswith("/") else glob):
            return glob
    return None


def _savings(ignored: Iterable[Planned]) -> list[str]:
    """Say what is left at the hub because it would be a second copy of the same model."""
    size: dict[str, int] = {}
    for one in ignored:
        for start, what in _COPIES:
            if one.because.startswith(start):
                size[what] = size.get(what, 0) + one.file.size
    return [
        f"Left at the hub: {file_size(total)} in {what} (--all takes them)."
        for what, total in size.items()
    ]


_COPIES = (
    ("another choice", "other quantizations"),
    ("another format", "the same weights in another format"),
    ("a copy for another framework", "copies for other frameworks"),
    ("weights for another framework", "copies for other frameworks"),
)


def removal(manifest: Manifest, variant: str | None, others: Iterable[Manifest]) -> Removal:
    """Return what goes, what stays and which blobs are freed when a model is removed.

    With a variant only its weight files go, and the rest stays for the other variants; the last
    variant takes everything with it. A blob that another manifest names is never freed.
    Raises QuantizationNotFound.
    """
    choices = quants.variants(file.path for file in manifest.files)
    gone = {file.path for file in manifest.files}
    if variant is not None:
        chosen = next((one for one in choices if one.name == variant.lower()), None)
        if chosen is None:
            chosen, _ = quants.choose([one for one in choices if not one.missing], variant)
        if len(choices) > 1:
            gone = set(chosen.files)
    stay = tuple(file for file in manifest.files if file.path not in gone)
    needed = {file.sha256 for other in others if other != manifest for file in other.files}
    needed |= {file.sha256 for file in stay}
    files = tuple(file for file in manifest.files if file.path in gone)
    return Removal(
        manifest=manifest,
        remaining=replace(manifest, files=stay) if stay else None,
        files=files,
        freed=frozenset(file.sha256 for file in files) - needed,
        shared=frozenset(file.sha256 for file in files) & needed,
    )


def sweep(manifests: Iterable[Manifest], blobs: Iterable[str]) -> frozenset[str]:
    """Return the blobs (sha256) that no manifest names."""
    named = {file.sha256 for manifest in manifests for file in manifest.files}
    return frozenset(blobs) - named
