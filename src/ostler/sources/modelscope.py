"""ModelScope as a source, by the two routes that its own client downloads with.

Its listing names the sha256 of every file. It names no commit, so the listing's own hash is one.
The token goes to ModelScope's origin only: the HTTP client drops it on a redirect elsewhere.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote

import httpx2

from ostler.core import listed, paths
from ostler.core.reasons import root_cause
from ostler.core.streams import Stream, byte_range, place_in_file
from ostler.errors import (
    AuthRequired,
    FileNotInRepo,
    GatedRepo,
    HubUnreachable,
    ModelNotFound,
    OstlerError,
    RevisionNotFound,
    TokenRejected,
)
from ostler.nouns import Listing, ModelRef, RemoteFile, SearchResults
from ostler.sources import Caller

HOME = "https://modelscope.cn"
DEFAULT = "master"
# Entries of one answer; the server leaves out the rest and does not say so (modelscope-hub 0.5.1).
MOST = 3000
TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
TOKEN = "`MODELSCOPE_API_TOKEN` gives a token."  # noqa: S105, a sentence


def home() -> str:
    """Return the address of ModelScope: MODELSCOPE_ENDPOINT, as its own client reads it."""
    return (os.environ.get("MODELSCOPE_ENDPOINT") or HOME).rstrip("/")


def stored_token() -> str | None:
    """Return the user's token of ModelScope, None where there is none."""
    return os.environ.get("MODELSCOPE_API_TOKEN") or None


class ModelScope:
    """ModelScope at one endpoint. Safe to use from several threads."""

    def __init__(self, endpoint: str = HOME, token: str | None = None) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._token = token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._caller = Caller(TIMEOUT, headers)

    @property
    def origin(self) -> str:
        return self.endpoint

    def close(self) -> None:
        self._caller.close()

    def apart(self) -> ModelScope:
        """Return the same source with connections of its own, for one pull."""
        other = copy.copy(self)
        other._caller = self._caller.apart()
        return other

    def hang_up(self) -> None:
        """Break off what is on its way."""
        self._caller.hang_up()

    def listing(self, ref: ModelRef) -> Listing:
        """Return the repository at the ref's revision, `master` where it names none.

        Raises ModelNotFound, RevisionNotFound, GatedRepo, AuthRequired, TokenRejected,
        HubUnreachable.
        """
        revision = ref.revision or DEFAULT
        about = self._ask(ref.name, None, f"{self._model(ref.name)}", {})
        files = tuple(sorted(self._files(ref, revision, ""), key=lambda file: file.path))
        paths.refuse_unsafe(file.path for file in files)
        licence = about.get("License")
        return Listing(
            source="ms",
            name=ref.name,
            commit=_commit(files),
            files=files,
            revision=revision,
            licence=str(licence) if licence else None,
        )

    @contextmanager
    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> Iterator[Stream]:
        """Open a file's bytes from `start` to before `end`; the body says where it begins.

        Raises FileNotInRepo, GatedRepo, AuthRequired, TokenRejected, HubUnreachable.
        """
        asked = {"Revision": listing.revision or DEFAULT, "FilePath": file.path}
        url = f"{self._model(listing.name)}/repo"
        headers = {"Accept-Encoding": "identity", **byte_range(start, end)}
        request = self._caller.http.build_request("GET", url, params=asked, headers=headers)
        with self._reaching():
            answer = self._caller.http.send(request, stream=True)
        with closing(answer):
            if answer.status_code == 404:
                raise FileNotInRepo(f"{listing.name} has no file {file.path}.", path=file.path)
            self._check(answer, listing.name)
            begin, size = place_in_file(answer.status_code, answer.headers)
            yield Stream(begin, size, self._pieces(answer))

    def search(self, words: str, limit: int) -> SearchResults:
        """ModelScope's search is not part of what it documents; say so instead of guessing."""
        return SearchResults((), "ModelScope cannot be searched from here: name the model.")

    def _files(self, ref: ModelRef, revision: str, root: str) -> Iterator[RemoteFile]:
        """List what is below a folder; where too much is, its folders one by one."""
        entries = self._entries(ref, revision, root, deep=True)
        if len(entries) < MOST:
            yield from (_file(entry) for entry in entries if entry.get("Type") != "tree")
            return
        shallow = self._entries(ref, revision, root, deep=False)
        if len(shallow) >= MOST:
            raise HubUnreachable(
                f"{self.endpoint} lists only {MOST} files of a folder, and {root or ref.name} has "
                "more.",
                hint="Fetch this one with ModelScope's own client, then `ostler pull folder:...`.",
            )
        for entry in shallow:
            if entry.get("Type") == "tree":
                yield from self._files(ref, revision, str(entry["Path"]))
            else:
                yield _file(entry)

    def _entries(self, ref: ModelRef, revision: str, root: str, deep: bool) -> list[dict[str, Any]]:
        asked = {"Revision": revision, "Recursive": str(deep), **({"Root": root} if root else {})}
        data = self._ask(ref.name, ref.revision, f"{self._model(ref.name)}/repo/files", asked)
        return list(data.get("Files") or [])

    def _ask(self, name: str, revision: str | None, url: str, params: dict[str, str]) -> Any:
        with self._reaching():
            answer = self._caller.ask("GET", url, params=params)
            if answer.status_code == 404 and params:
                raise RevisionNotFound(
                    f"{name} has no revision {revision or DEFAULT!r} at {self.endpoint}.",
                    hint="Leave it out, or look at the model's page.",
                )
            self._check(answer, name)
            try:
                data = answer.json()["Data"]
            except (ValueError, KeyError, TypeError, RecursionError):
                data = None
            if not isinstance(data, dict):
                raise HubUnreachable(
                    f"{self.endpoint} answered, but not as ModelScope does.",
                    hint="Check MODELSCOPE_ENDPOINT or --endpoint.",
                )
            return data

    def _model(self, name: str) -> str:
        return f"{self.endpoint}/api/v1/models/{quote(name)}"

    def _check(self, answer: httpx2.Response, name: str) -> None:
        """Raise one of our errors unless the answer is a success."""
        status = answer.status_code
        if answer.is_success:
            return
        if status == 404 or answer.headers.get("X-Error-Code") == "RepoNotFound":
            what = f"There is no model {name} at {self.endpoint}, or it is not for you to see."
            raise ModelNotFound(what, hint=f"Check the name. {TOKEN}")
        if status == 401:
            raise self._unknown_caller(answer, name)
        if status == 403:
            what = f"{name} needs its owner's consent."
            raise GatedRepo(what, hint=f"Ask for access at {self.endpoint}/models/{name}. {TOKEN}")
        raise HubUnreachable(
            f"{self.endpoint} answered {status}.",
            hint="Run the same command again later: it goes on where it stopped.",
            status=status,
            retry_after=_seconds(answer.headers.get("Retry-After")),
        )

    def _unknown_caller(self, answer: httpx2.Response, name: str) -> OstlerError:
        if answer.headers.get("X-Error-Code") == "GatedRepo":
            return GatedRepo(f"{name} needs its owner's consent.", hint=TOKEN)
        if self._token:
            return TokenRejected(f"{self.endpoint} does not accept the token.", hint=TOKEN)
        return AuthRequired(f"{self.endpoint} shows {name} to nobody without a token.", hint=TOKEN)

    def _pieces(self, answer: httpx2.Response) -> Iterator[bytes]:
        with self._reaching():
            yield from answer.iter_raw()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            cause = root_cause(error)
            raise HubUnreachable(
                f"{self.endpoint} did not answer: {cause}.",
                hint="Check the network and MODELSCOPE_ENDPOINT, then run the same command again.",
                endpoint=self.endpoint,
            ) from error


def _file(entry: dict[str, Any]) -> RemoteFile:
    try:
        return listed.file(str(entry["Path"]), entry["Size"], sha256=str(entry["Sha256"]))
    except (KeyError, TypeError, ValueError):
        raise HubUnreachable(
            "ModelScope lists a file without its path, size or hash, so it cannot be verified.",
            hint="Fetch it with ModelScope's own client.",
        ) from None


def _commit(files: tuple[RemoteFile, ...]) -> str:
    """Return a hash that another file, or another byte in any, makes another."""
    lines = "".join(f"{file.sha256}  {file.path}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() else None
