"""Forms: the model that audio and images are sent to, found and renamed without another byte."""

from __future__ import annotations

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.faces.gateway.conftest import Gateway, Puppet, ok

from ostler.faces.gateway import form
from ostler.faces.gateway.messages import Model

FORM = b"multipart/form-data; boundary=x"


def sent(fields: dict[str, str], file: bytes = b"RIFF") -> tuple[bytes, bytes]:
    """A form's type and body, as a client of HTTP writes them."""
    files = {"file": ("a.wav", file, "audio/wav")}
    one = httpx2.Request("POST", "http://h/", data=fields, files=files)
    one.read()
    return one.headers["content-type"].encode(), one.content


names = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=30)


@given(names, names, st.binary(max_size=200))
def test_the_model_is_found_and_replaced_and_nothing_else(old: str, new: str, file: bytes) -> None:
    kind, body = sent({"prompt": "model", "model": old, "temperature": "0"}, file)
    assert form.is_form(kind)
    assert form.model_of(kind, body) == old
    renamed = form.renamed(kind, body, new)
    assert form.model_of(kind, renamed) == new
    assert form.renamed(kind, renamed, old) == body


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_any_bytes_have_a_model_or_none_or_are_no_form(body: bytes, kind: bytes) -> None:
    for one in (FORM, b"multipart/" + kind):
        try:
            found = form.model_of(one, b"--x\r\n" + body)
        except ValueError:
            continue
        assert found is None or isinstance(found, str)


def part(name: str, value: str) -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


END = b"--x--\r\n"


def test_what_two_readers_could_read_in_two_ways_is_refused() -> None:
    with pytest.raises(ValueError, match="two fields"):
        form.model_of(FORM, part("model", "a") + part("model", "b") + END)
    with pytest.raises(ValueError, match="boundary"):
        form.model_of(b"multipart/form-data", END)
    with pytest.raises(ValueError, match="too long"):
        form.model_of(FORM, part("model", "a" * 600) + END)


def test_names_that_only_look_like_it_are_passed_over() -> None:
    body = part("supermodel", "a") + part("model_name", "b") + part("xmodel", "d") + END
    assert form.model_of(FORM, body) is None
    assert form.model_of(FORM, part("filename", 'name="model"') + END) is None
    assert form.model_of(b'multipart/form-data; boundary="x"', part("model", "c") + END) == "c"


@pytest.mark.parametrize("path", [b"/v1/audio/transcriptions", b"/models/m/v1/images/edits"])
def test_audio_and_images_go_to_the_engine_of_their_form(
    gateway: Gateway, engine: Puppet, path: bytes
) -> None:
    gateway.table({"m": Model("ready", backends=(engine.backend(model_name="served"),))})
    kind, body = sent({"model": "m", "language": "de"}, bytes(range(256)) * 300)
    caller = gateway.connect()
    head = b"POST %b HTTP/1.1\r\nHost: h\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    for _ in range(2):
        caller.send(head % (path, kind, len(body)) + body)
        wire = engine.wires[0] if engine.wires else engine.accept()
        request = wire.message()
        assert form.model_of(kind, request.body) == "served"
        assert request.body == form.renamed(kind, body, "served")
        wire.send(ok(b"{}"))
        assert caller.message().status == 200


def test_a_form_without_a_model_is_refused(gateway: Gateway) -> None:
    gateway.table({})
    kind, body = sent({"language": "de"})
    head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: h\r\nContent-Type: %b\r\n" % kind
    answer = gateway.ask(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert (answer.status, answer.error["code"]) == (400, "model_required")
    broken = b"Content-Type: multipart/form-data\r\nContent-Length: 4\r\n\r\nnone"
    answer = gateway.ask(b"POST /v1/audio/translations HTTP/1.1\r\nHost: h\r\n" + broken)
    assert (answer.status, answer.error["code"]) == (400, "bad_json")
