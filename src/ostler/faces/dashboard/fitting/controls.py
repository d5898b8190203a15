"""What can be moved: the model, the GPU, the weights, context, sequences, cache, margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ostler.faces.dashboard.fitting.choice import CONTEXTS, SEQUENCES, Choice, nearest, steps
from ostler.faces.dashboard.parts.words import file_size
from ostler.faces.dashboard.tree import Child, Tag, act, h


@dataclass
class Ages:
    """How often controls were made anew, by their names: one that another has moved is.

    A field keeps what a user has typed into it, whatever its page says. Only one that is made
    anew shows another value; the one that is moved now must stay, or it would lose the focus.
    """

    found: dict[str, int] = field(default_factory=dict)

    def of(self, *names: str) -> str:
        """Return the key of a control that is made anew with any of these names."""
        return " ".join(f"{name}{self.found.get(name, 0)}" for name in names)

    def renew(self, name: str) -> None:
        """Make the controls of this name anew."""
        self.found[name] = self.found.get(name, 0) + 1


VENDORS = {"nvidia": "NVIDIA", "amd": "AMD", "apple": "Apple", "intel": "Intel"}


def controls(
    choice: Choice,
    fitted: Mapping[str, Any] | None,
    names: Sequence[str],
    gpus: Sequence[Mapping[str, Any]],
    ages: Ages,
) -> Tag:
    """Return the controls; those that need an estimate are shown when there is one."""
    return h(
        "section.panel.controls",
        h("h2.visually-hidden", "Choose"),
        h(
            "form.fields",
            h(
                "div.field.grow",
                h("label", "Model: kept here, of the catalogue, or org/name on the hub",
                  for_="model"),
                h("input#model", name="model", type="text", list="models", value=choice.model,
                  required=True, maxlength=300, autocomplete="off", spellcheck="false"),
                h("datalist#models", [h("option", value=name) for name in names]),
            ),
            h("button.primary", "See what it needs", type="submit"),
            on_submit=act("model"),
            key=f"model {choice.model}",
        ),
        h("div.knobs", _where(choice, gpus, ages), _moved(choice, fitted, ages))
        if fitted
        else None,
        key="controls",
    )  # fmt: skip


def _where(choice: Choice, gpus: Sequence[Mapping[str, Any]], ages: Ages) -> Tag:
    vendors = dict.fromkeys(gpu["vendor"] for gpu in gpus)
    groups = [
        h(
            "optgroup",
            [h("option", f"{gpu['name']}, {gpu['memory_gb']:g} GB", value=gpu["name"],
               selected=gpu["name"] == choice.gpu)
             for gpu in gpus if gpu["vendor"] == vendor],
            label=VENDORS.get(vendor, vendor),
        )
        for vendor in vendors
    ]  # fmt: skip
    here = h("option", "this machine", value="", selected=not choice.gpu)
    return _select("gpu", "On", [here, *groups], ages)


def _moved(choice: Choice, fitted: Mapping[str, Any], ages: Ages) -> list[Child]:
    contexts = steps(CONTEXTS, fitted["longest_model"])
    splits = [h("option", f"{many}", value=many, selected=many == choice.gpus)
              for many in fitted["splits"]]  # fmt: skip
    kinds = [h("option", f"as the engine does ({fitted['kv_dtype']})" if not choice.kv
               else "as the engine does", value="", selected=not choice.kv)]  # fmt: skip
    kinds += [h("option", kind, value=kind, selected=kind == choice.kv)
              for kind in fitted["kv_types"]]  # fmt: skip
    return [
        _select("gpus", "GPUs that share each layer", splits, ages)
        if choice.gpu and len(splits) > 1
        else None,
        _select("quantization", "Weights", _weights(choice, fitted), ages),
        _select("kv", "Type of the KV cache", kinds, ages),
        _slider("context", "Tokens of context, each sequence", contexts, fitted["context"], ages),
        _slider("sequences", "Sequences at the same moment", SEQUENCES, fitted["sequences"], ages),
        h(
            "div.field.short",
            h("label", "Margin, in percent", for_="margin"),
            h("input#margin", type="number", min="0", max="100", step="1", value=choice.margin,
              on_change=act("set", name="margin")),
            key=ages.of("all"),
        ),
    ]  # fmt: skip


def _weights(choice: Choice, fitted: Mapping[str, Any]) -> list[Tag]:
    own = fitted["quantization"] or (fitted["dtype"] or "as they are").lower()
    first = "as they are" if choice.quantization else f"as they are ({own})"
    there = [one for one in fitted["quantizations"] if one["here"]]
    computed = [one for one in fitted["quantizations"] if not one["here"]]
    found = [h("option", first, value="", selected=not choice.quantization)]
    if len(there) > 1:
        found.append(h("optgroup", [_quantization(one, choice) for one in there], label="There"))
    if computed:
        label = "Computed, as if somebody had made it"
        found.append(h("optgroup", [_quantization(one, choice) for one in computed], label=label))
    return found


def _quantization(one: Mapping[str, Any], choice: Choice) -> Tag:
    size = f", {file_size(one['bytes'])}" if one["bytes"] else ""
    chosen = one["name"] == choice.quantization and one["here"] != choice.what_if
    value = one["name"] if one["here"] else f"?{one['name']}"
    return h("option", f"{one['name']}{size}", value=value, selected=chosen)


def _select(name: str, label: str, options: Sequence[Tag], ages: Ages) -> Tag:
    return h(
        "div.field",
        h("label", label, for_=name),
        h(f"select#{name}", options, on_change=act("set", name=name)),
        key=f"{name} {ages.of('all')}",
    )


def _slider(name: str, label: str, values: Sequence[int], now: int, ages: Ages) -> Tag:
    """Return a slider over steps that double, and a field for the exact number."""
    slid, typed = f"{name} slid", f"{name} typed"
    return h(
        "div.field.slider",
        h("label", label, for_=name),
        h(
            "div.row.tight",
            h("input.range", type="range", min="0", max=len(values) - 1, step="1",
              value=nearest(values, now), aria_label=f"{label}, in steps",
              aria_valuetext=f"{now:,}", data_wait="60", key=ages.of("all", typed),
              on_input=act("slide", name=name, steps=list(values))),
            h(f"input#{name}", type="number", min="1",
              max=values[-1] if name == "context" else None, value=now, key=ages.of("all", slid),
              on_change=act("set", name=name)),
        ),
        key=name,
    )  # fmt: skip
