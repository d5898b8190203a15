"""Take in what another application keeps: proven, shared where it can be, not altered."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ostler.core import adopting, copying, paths, quants, refs
from ostler.core.adopting import Claim
from ostler.core.policy import Policy
from ostler.core.sizes import counted
from ostler.errors import (
    ChecksumMismatch,
    FileNotInRepo,
    HubUnreachable,
    LfsPointer,
    ModelNotFound,
    RevisionNotFound,
    UsageError,
)
from ostler.nouns import KeptFile, Listing, Manifest, ModelRef
from ostler.ports import Source
from ostler.store import Store
from ostler.store.adoption import Lying, Offer, offers
from ostler.verbs import intake
from ostler.verbs.archive import require_room
from ostler.verbs.intake import Check
from ostler.verbs.progress import Report, Step, Tally, silent
from ostler.version import __version__

# In these an application goes on looking for what was moved; a link takes the file's place.
OF_APPLICATIONS = ("Hugging Face cache", "Ollama store", "git-lfs clone")


@dataclass(frozen=True, slots=True)
class Adoption:
    """One model that would be taken in, and what its files are held against."""

    offer: Offer
    name: str
    files: tuple[tuple[Lying, Claim], ...]
    left: tuple[str, ...]  # files that the hub's repository does not have
    listing: Listing | None
    notes: tuple[str, ...]
    source: str = "hf"  # where the model is said to be from

    @property
    def size(self) -> int:
        return sum(file.size for file, _ in self.files)


def plan(
    place: Path, ref: ModelRef | None, source: Source | None, rules: Policy
) -> tuple[Adoption, ...]:
    """Return what lies at a place and would be taken in; no weights are read.

    Raises FileNotInRepo, LfsPointer, UnsafePath, UnsafeFormat, UsageError where the model has no
    name, and ChecksumMismatch where sizes or notes contradict the hub.
    """
    if not place.exists():
        raise FileNotInRepo(f"There is nothing at {place}.", hint="Look at the path again.")
    found = offers(place)
    if ref and len(found) > 1:
        found = tuple(one for one in found if ref.name == one.name) or found
    if ref and len(found) > 1 and len({one.name for one in found}) > 1:
        raise UsageError(
            f"{place} holds {counted(len(found), 'model')}, and one --id was given.",
            hint="Name the folder of one of them, or leave --id out.",
        )
    return tuple(_adoption(one, place, ref, source, rules) for one in found)


def _adoption(
    offer: Offer, place: Path, ref: ModelRef | None, source: Source | None, rules: Policy
) -> Adoption:
    name = ref.name if ref else offer.name
    if name is None:
        raise UsageError("The folder does not tell the model's name.", hint="Add --id OWNER/NAME.")
    refs.parse(name)
    paths.refuse_unsafe(file.path for file in offer.files)
    _refuse_pointers(offer, name)
    warnings = rules.require(name, "", [file.path for file in offer.files])
    revision = ref.revision if ref else None
    listing, note = _listing(ModelRef(name, revision), source)
    if listing and revision is None and offer.commit not in (None, listing.commit):
        # `main` moved on since it was downloaded: what lies here is of an older commit
        listing, note = _listing(ModelRef(name, offer.commit), source)
    known = [Claim(f.path, f.size, f.sha256, f.git_sha1, _by(f)) for f in offer.files]
    if listing and not {one.path for one in known} & {file.path for file in listing.files}:
        listing, note = None, f"None of these files is in the hub's {name}; not held against it."
    taken, left = adopting.claims(known, listing)
    there = {file.path: file for file in offer.files}
    files = tuple((there[claim.path], claim) for claim in taken)
    if not listing and not quants.variants(file.path for file in offer.files):
        if place.is_file():
            raise UsageError(
                f"{place.name} is no file of weights: GGUF, safetensors or PyTorch.",
                hint="Name a folder to keep what lies in it as it is.",
            )
        note = (
            f"{note} No weights that an engine reads lie there, so nothing will serve it.".strip()
        )
    notes = (*warnings, *([note] if note else []))
    return Adoption(offer, name, files, left, listing, notes, ref.source if ref else "hf")


def _by(file: Lying) -> str:
    return "its folder" if file.sha256 or file.git_sha1 else ""


def _refuse_pointers(offer: Offer, name: str) -> None:
    pointers = [file.path for file in offer.files if file.pointer]
    if pointers:
        more = f" and {len(pointers) - 1} more" if len(pointers) > 1 else ""
        raise LfsPointer(
            f"{pointers[0]}{more}: a git-lfs pointer, not the weights. Nothing was taken in.",
            hint=f"`git lfs pull` in the clone fetches them, or: ostler pull {name}",
            files=pointers,
        )


def _listing(ref: ModelRef, source: Source | None) -> tuple[Listing | None, str]:
    """Return what the hub has, or None and why the files are not held against it."""
    if source is None:
        return None, "The hub was not asked: the files are held against their folder's notes alone."
    try:
        return source.listing(ref), ""
    except (HubUnreachable, ModelNotFound, RevisionNotFound) as error:
        return None, f"Not held against the hub: {error.what}"


def carry_out(
    adoption: Adoption,
    store: Store,
    how: str = "clone",
    *,
    endpoint: str = "",
    check: Check | None = None,
    report: Report = silent,
) -> Manifest:
    """Take the files in and register the model last.

    `how` is "clone" (shared extents where the file system can, else a copy), "link" (hard links),
    "move" or "copy". Only "move" alters what is there, and only once the model is registered.
    `endpoint` is the hub that the files were held against.
    Raises ChecksumMismatch, CorruptFile, InsufficientDisk, and UsageError where links cannot be.
    """
    tally = Tally(adoption.size, report)
    with store.pulling(adoption.name):
        taken = [_known(file, claim) for file, claim in adoption.files]
        draft = replace(
            _manifest(adoption, taken, store), origin=endpoint if adoption.listing else ""
        )
        copying.refuse_disputed(store.get(draft.source, draft.name, draft.commit), draft)
        if how in ("clone", "copy"):
            plan = copying.copy_plan([draft], dict(store.blobs.all()), store.disk())
            require_room(plan, str(store.home))
        kept = []
        for (lying, _), file in zip(adoption.files, taken, strict=True):
            kept.append(_take(lying, file, store, how, check))
            tally.say(Step.DONE, file.path, file.size, file.size)
        files = tuple(sorted(kept, key=lambda file: file.path))
        manifest = store.register(replace(draft, files=files))
    if how == "move":
        _let_go(adoption, manifest, store)
    return manifest


def _known(lying: Lying, claim: Claim) -> KeptFile:
    """Return what the file must be; it is read here only where nobody names its sha256."""
    if claim.sha256:
        return KeptFile(claim.path, claim.size, claim.sha256, claim.git_sha1)
    wanted = bool(claim.git_sha1) or claim.size < adopting.GIT_LIMIT
    file = KeptFile(claim.path, claim.size, "", "wanted" if wanted else None)
    digest = intake.digest_of(lying.place, file)
    if claim.git_sha1 and digest.git_sha1 != claim.git_sha1:
        raise ChecksumMismatch(
            f"{claim.path} has the git id {digest.git_sha1}, and {claim.by} names "
            f"{claim.git_sha1}. Nothing was taken in.",
            hint=f"{lying.place} is damaged; fetch the model anew with ostler pull.",
            path=claim.path,
            expected=claim.git_sha1,
            got=digest.git_sha1,
        )
    return KeptFile(claim.path, digest.count, digest.sha256, digest.git_sha1)


def _take(lying: Lying, file: KeptFile, store: Store, how: str, check: Check | None) -> KeptFile:
    if store.blobs.has(file.sha256, file.size):
        return intake.prove(lying.place, file)
    if how in ("link", "move"):
        try:
            return intake.link(lying.place, store, file, check=check)
        except OSError as error:
            if how == "link" or error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                raise UsageError(
                    f"{lying.place} cannot be linked into {store.home}: {error.strerror}.",
                    hint="Use --copy; links need one file system.",
                ) from error
    if how == "copy":
        content = intake.chunks(lying.place)
        return intake.receive(store, file, content, origin=str(lying.place), check=check)
    return intake.copy(lying.place, store, file, check=check)


def _manifest(adoption: Adoption, files: Sequence[KeptFile], store: Store) -> Manifest:
    listing, offer = adoption.listing, adoption.offer
    ordered = tuple(sorted(files, key=lambda file: file.path))
    proven = listing.revision if listing else None
    revisions = {*offer.revisions, *([proven] if proven else [])}
    others = [one for one in store.manifests() if one.name == adoption.name]
    if not listing and not offer.commit and not any("main" in one.revisions for one in others):
        revisions = {"main"}  # so that other programs find it by its name alone
    return Manifest(
        source=adoption.source,
        name=listing.name if listing else adoption.name,
        commit=(listing.commit if listing else offer.commit) or adopting.made_commit(ordered),
        files=ordered,
        revisions=tuple(sorted(revisions)),
        licence=listing.licence if listing else None,
        gated=listing.gated if listing else None,
        private=listing.private if listing else False,
        task=listing.task if listing else None,
        tags=listing.tags if listing else (),
        pulled_at=datetime.now(UTC).isoformat(timespec="seconds"),
        tool=f"ostler {__version__} import",
    )


def _let_go(adoption: Adoption, manifest: Manifest, store: Store) -> None:
    """Take the files away there; an application's own store gets links in their place."""
    kept = {file.path: file for file in manifest.files}
    for lying, _ in adoption.files:
        blob = store.blob_path(kept[lying.path].sha256)
        if lying.place == blob.resolve():
            continue  # an earlier import moved it; the application's link leads here
        if adoption.offer.kind in OF_APPLICATIONS:
            draft = lying.place.with_name(f".{lying.place.name}.{os.getpid()}")
            draft.symlink_to(blob)
            os.replace(draft, lying.place)
        else:
            lying.place.unlink(missing_ok=True)
        if blob.exists():
            blob.chmod(0o444)
