"""What is kept here, as the control API shows it. Everything here may block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from ostler import wiring
from ostler.core.learning import newest
from ostler.core.naming import Named, served_names
from ostler.faces.api import store_schemas as s
from ostler.nouns import Manifest, ModelFacts
from ostler.records.records import Records
from ostler.settings import Settings
from ostler.store import servable
from ostler.verbs import archive, licensing
from ostler.verbs.licensing import Ruling

FactsOf = Callable[[Named], ModelFacts | None]
States = Callable[[], Mapping[str, str]]  # of what the fleet holds, by the model's id
SHAPE = ("architecture", "layers", "hidden", "heads", "kv_heads", "head_dim", "vocabulary",
         "experts", "chat_template")  # fmt: skip


class Storeroom:
    """The store of this home."""

    def __init__(
        self, settings: Settings, records: Records, facts: FactsOf, states: States
    ) -> None:
        self.settings, self._records = settings, records
        self._facts, self._states = facts, states

    def shown(self) -> s.StoreShown:
        """Return everything that is kept, and the room it takes."""
        store = wiring.store(self.settings)
        manifests = store.manifests()
        free, total = store.disk()
        return s.StoreShown(
            home=str(store.home),
            models=self._models(manifests),
            partial=[one.name for one in manifests if not servable(one)],
            logical_bytes=sum(one.size for one in manifests),
            physical_bytes=store.used_bytes(),
            free_bytes=free,
            disk_bytes=total,
            trash_bytes=sum(one.size for one in store.trash.entries()),
            archived=len(archive.archived(store)),
        )

    def details(self, name: str) -> s.KeptDetails:
        """Return one model in full. Raises UnknownModel, BadRef, UsageError."""
        store = wiring.store(self.settings)
        named = wiring.named(self.settings, name)
        manifest, facts = named.manifest, self._facts(named)
        (brief,) = [one for one in self._models(store.manifests()) if one.id == named.id]
        marked = store.damage.of(file.sha256 for file in manifest.files)
        shape = {name: getattr(facts, name) for name in SHAPE} if facts else {}
        files = [
            s.KeptPart(
                path=file.path,
                bytes=file.size,
                sha256=file.sha256,
                weights=file.path in named.variant.files,
                damaged=file.sha256 in marked,
            )
            for file in manifest.files
        ]
        taken, tried = self._history(named)
        return s.KeptDetails(
            **brief.model_dump(),
            folder=str(store.place(manifest)),
            files=files,
            **shape,
            unknown=list(facts.unknown) if facts else ["Its files cannot be read."],
            terms=self._terms(manifest),
            measured=taken,
            downloads=tried,
        )

    def archived(self) -> list[s.Away]:
        """Return what was moved to other disks."""
        found = archive.archived(wiring.store(self.settings))
        return [s.Away(name=one.name, commit=one.commit, bytes=one.bytes, at=one.at)
                for one in found]  # fmt: skip

    def _terms(self, manifest: Manifest) -> s.LicenceShown:
        from ostler.faces.cli import terms

        return licence(terms.registrar(self.settings).ruling(manifest))

    def _history(self, named: Named) -> tuple[list[s.MemoryMeasured], list[s.DownloadTried]]:
        """Return what the records know of a model: what it took, and how its downloads went."""
        records = self._records
        taken = newest(
            one
            for one in records.measurements.of(named.manifest.name)
            if one.variant in (named.variant.name, "")
        )
        tried = records.attempts.of(named.manifest.name)
        return (
            [s.MemoryMeasured.model_validate(asdict(one)) for one in taken],
            [s.DownloadTried.model_validate(asdict(one)) for one in tried],
        )

    def _models(self, manifests: Sequence[Manifest]) -> list[s.KeptModel]:
        names = served_names([(one, each) for one in manifests for each in servable(one)])
        naming = Counter(sha for one in manifests for sha in {file.sha256 for file in one.files})
        marked = wiring.store(self.settings).damage.of(naming)
        states = self._states()
        return [self._model(one, naming, marked, states) for one in names]

    def _model(
        self, named: Named, naming: Mapping[str, int], marked: frozenset[str],
        states: Mapping[str, str],
    ) -> s.KeptModel:  # fmt: skip
        entry, facts = named.manifest, self._facts(named)
        sizes = {file.sha256: file.size for file in entry.files if file.path in named.variant.files}
        return s.KeptModel(
            id=named.id,
            aliases=list(named.aliases),
            name=entry.name,
            variant=named.variant.name,
            format=named.variant.format.value,
            quantization=facts.quantization if facts else None,
            dtype=facts.dtype if facts else None,
            task=facts.task.value if facts and facts.task else None,
            parameters=facts.parameters if facts else None,
            context_length=facts.context_length if facts else None,
            bytes=sum(sizes.values()),
            own_bytes=sum(size for sha, size in sizes.items() if naming[sha] == 1),
            commit=entry.commit,
            revisions=list(entry.revisions),
            licence=entry.licence,
            gated=entry.gated,
            private=entry.private,
            origin=entry.origin,
            pulled_at=entry.pulled_at,
            derived_from=entry.derived_from,
            made_by=entry.made_by,
            damaged=not marked.isdisjoint(sizes),
            state=states.get(named.id, "stopped"),
        )


def licence(ruling: Ruling) -> s.LicenceShown:
    """Return a licence with the policy's word on it."""
    said = licensing.as_dict(ruling)
    accepted = ruling.accepted
    return s.LicenceShown(
        **{name: said[name] for name in
           ("licence", "licence_name", "commercial_use", "conditions", "decision", "because")},
        accepted_by=accepted.by if accepted else None,
        accepted_at=accepted.at if accepted else None,
    )  # fmt: skip
