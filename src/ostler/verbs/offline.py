"""A pull without a network: either the model is here already, or it is missing."""

from __future__ import annotations

from dataclasses import replace

from ostler.core import quants
from ostler.errors import OfflineMissing, QuantizationNotFound, UnknownModel
from ostler.nouns import Manifest, ModelRef
from ostler.store import Store, servable

HINT = "Pull it where a hub can be asked, or bring it with `ostler bundle import`."


def kept(ref: ModelRef, store: Store, quant: str | None = None) -> Manifest:
    """Return the kept model that a pull would have wanted.

    Raises OfflineMissing where the model, its quantization or some of its bytes are not here.
    """
    wanted = replace(ref, variant=quant.lower()) if quant else ref
    try:
        manifest = store.resolve(wanted)[0] if wanted.variant else store.find(wanted)
    except UnknownModel as error:
        raise OfflineMissing(f"{wanted} is not kept here.", hint=HINT, **error.facts) from error
    except QuantizationNotFound as error:
        here = ", ".join(f"#{one.name}" for one in servable(store.find(wanted))) or "none"
        what = f"{wanted} is not kept here; of {wanted.name} there is: {here}."
        raise OfflineMissing(what, hint=HINT, **error.facts) from error
    lost = [one.path for one in manifest.files if not store.blobs.has(one.sha256, one.size)]
    torn = [one.name for one in quants.variants(f.path for f in manifest.files) if one.missing]
    if lost or (torn and not servable(manifest)):
        what = f"{manifest.name} is not whole here: {', '.join(lost or torn)}."
        raise OfflineMissing(what, hint=HINT, missing=lost or torn)
    return manifest
