"""How a conversation looks; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostler.faces.dashboard.parts import badges, panels, words
from ostler.faces.dashboard.parts.markdown import markdown
from ostler.faces.dashboard.playing.chat import Settings, Talk, Turn
from ostler.faces.dashboard.playing.fields import choice, numeral, snippets
from ostler.faces.dashboard.playing.models import Asked, found, said_of, waiting_for
from ostler.faces.dashboard.playing.playing import Playing
from ostler.faces.dashboard.tree import Act, Node, Tag, act, h

EXAMPLE = "Say hello"
PATH = "/v1/chat/completions"


def chat(state: Playing, models: Sequence[Asked], address: str, has_key: bool) -> Node:
    """Return the conversations, one or two, with what they are asked by."""
    side_by_side = len(state.talks) > 1
    return h(
        "div.chat",
        h(
            f"div.talks{'.two' if side_by_side else ''}",
            [_talk(at, talk, models) for at, talk in enumerate(state.talks)],
        ),
        _composer(state, models),
        _settings(state),
        snippets(address, PATH, _example(state), has_key),
        key="chat",
    )


def _talk(at: int, talk: Talk, models: Sequence[Asked]) -> Tag:
    model = found(models, talk.model)
    about = said_of(model) if not talk.going else ""
    return h(
        "section.panel.talk",
        h("h2.visually-hidden", f"{_which(at)} with {talk.model}"),
        h(
            "div.head",
            choice("Model" if at == 0 else "Second model", models, talk.model, act("model", at=at)),
            badges.state(model.word) if model else None,
            h("button.ghost", "Remove", type="button", on_click=act("single"),
              aria_label="Remove the second model") if at else None,
        ),
        h("p.muted.about", about) if about else None,
        h(
            "div.log",
            [_turn(at, talk, number, turn, model) for number, turn in enumerate(talk.turns)]
            or h("p.muted.blank", "Nothing has been asked yet."),
            role="log", aria_label=f"{_which(at)} with {talk.model}", tabindex="0",
            aria_busy="true" if talk.going else None, data_follow=True,
        ),
        key=at,
    )  # fmt: skip


def _which(at: int) -> str:
    return "Second conversation" if at else "Conversation"


def _turn(at: int, talk: Talk, number: int, turn: Turn, model: Asked | None) -> Tag:
    return h(
        "article.turn",
        h("div.asked", h("h3.who", "You"), h("p.said", turn.prompt)),
        h(
            "div.answered",
            h("h3.who", talk.model),
            _thought(turn),
            markdown(turn.text) if turn.text else None,
            _waiting(turn, model),
            _wrong(turn, act("repeat", at=at, number=number)),
            _measured(turn),
        ),
        key=number,
    )


def _thought(turn: Turn) -> Node | None:
    if not turn.thought:
        return None
    return h("details.thought", h("summary", "What it thought first"), h("p", turn.thought))


def _waiting(turn: Turn, model: Asked | None) -> Node | None:
    if turn.state != "waiting":
        return None
    return h("p.waiting", waiting_for(model), h("span.dots", aria_hidden="true"), role="status")


def _wrong(turn: Turn, again: Act) -> Node | None:
    if turn.state != "failed":
        return None
    return h(
        "div.wrong",
        panels.notice(turn.wrong, "bad"),
        h("button", "Ask again", type="button", on_click=again),
        role="alert",
    )


def _measured(turn: Turn) -> Node | None:
    """What is known of the answer's speed, and how it ended."""
    if turn.going or (turn.first is None and turn.state != "stopped"):
        return None
    facts = [
        f"{turn.tokens:,} tokens" if turn.tokens is not None else None,
        f"{turn.rate:,.0f} tokens/s" if turn.rate is not None else None,
        f"first token after {words.span(turn.seconds_to_first)}" if turn.seconds_to_first else None,
        "stopped by you" if turn.state == "stopped" else None,
        "ended at its limit of tokens" if turn.limit else None,
    ]
    return h("p.measured", " · ".join(fact for fact in facts if fact))


def _composer(state: Playing, models: Sequence[Asked]) -> Tag:
    going = state.going
    return h(
        "form.composer",
        h("label.visually-hidden", "Message", for_="message"),
        h("textarea#message", state.draft, name="message", rows="3", required=True,
          placeholder="Write a message. Enter sends, Shift+Enter starts a line.",
          data_enter=True, data_once=True, on_change=act("draft"), key=f"draft-{state.times}"),
        h(
            "div.buttons",
            h("button.primary", "Send", type="submit", disabled=going),
            h("button", "Stop", type="button", on_click=act("stop"), disabled=not going),
            h("button.ghost", "Compare with a second model", type="button", on_click=act("compare"))
            if len(state.talks) == 1 and len(models) else None,
            h("button.ghost", "Clear", type="button", on_click=act("clear"),
              disabled=not any(talk.turns for talk in state.talks)),
        ),
        on_submit=act("send"),
    )  # fmt: skip


def _settings(state: Playing) -> Tag:
    given = state.fields
    return h(
        "details.panel.settings",
        h("summary", "Settings", h("span.muted", _in_short(given))),
        h(
            "form.fields",
            h("label.field.wide", h("span", "System prompt"),
              h("textarea", str(given.get("system", "")), name="system", rows="2",
                on_change=act("set", field="system"))),
            numeral("Temperature", "temperature", given, "0.1", "as the engine does"),
            numeral("Max tokens", "max_tokens", given, "1", "to the context's end"),
            numeral("Seed", "seed", given, "1", "any"),
            on_submit=act("nothing"),
        ),
        key="settings",
    )  # fmt: skip


def _in_short(given: dict[str, Any]) -> str:
    names = {"temperature": "temperature", "max_tokens": "max tokens", "seed": "seed"}
    said = [f"{names[name]} {given[name]}" for name in names if str(given.get(name) or "").strip()]
    said += ["a system prompt"] if str(given.get("system") or "").strip() else []
    return ", ".join(said) or "the engine's own"


def _example(state: Playing) -> dict[str, Any]:
    """The request that the snippets show: the last that was asked, or one like it."""
    talk = state.talks[0]
    settings = Settings(system=str(state.fields.get("system", "")).strip())
    body = talk.body(settings)
    if body["messages"] and body["messages"][-1]["role"] == "assistant":
        body["messages"].pop()
    if not body["messages"] or body["messages"][-1]["role"] != "user":
        body["messages"].append({"role": "user", "content": state.draft or EXAMPLE})
    for name, read in (("temperature", float), ("max_tokens", int), ("seed", int)):
        text = str(state.fields.get(name) or "").strip()
        if text.replace(".", "", 1).isdigit():
            body[name] = read(text) if read is float or "." not in text else float(text)
    return body
