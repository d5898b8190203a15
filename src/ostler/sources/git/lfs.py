"""Where git LFS has a large file: the batch API of a server, or the folder of a local clone."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2

from ostler.core.reasons import root_cause
from ostler.core.streams import Stream, byte_range, place_in_file
from ostler.errors import AuthRequired, FileNotInRepo, GatedRepo, HubUnreachable, ModelNotFound
from ostler.nouns import RemoteFile
from ostler.sources import Caller
from ostler.sources.git import program

JSON = "application/vnd.git-lfs+json"
TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
CHUNK = 1024 * 1024


class Lfs:
    """The large files of one repository."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._caller = Caller(TIMEOUT)
        self._login: dict[str, str] = {}

    def close(self) -> None:
        self._caller.close()

    def apart(self) -> Lfs:
        """Return the same source with connections of its own, for one pull."""
        other = copy.copy(self)
        other._caller = self._caller.apart()
        return other

    def hang_up(self) -> None:
        """Break off what is on its way."""
        self._caller.hang_up()

    @contextmanager
    def open(self, file: RemoteFile, start: int, end: int | None) -> Iterator[Stream]:
        """Open a large file's bytes. Raises FileNotInRepo, AuthRequired, GatedRepo, HubUnreachable.

        Raises UsageError for ssh, where git LFS has no way of its own to fetch.
        """
        assert file.sha256 is not None
        if self.url.startswith("file://"):
            with self._in_clone(file.sha256).open("rb") as local:
                local.seek(start)
                yield Stream(start, file.size, _pieces(local, start, file.size, end))
            return
        href, header = self._action(file)
        headers = {**header, "Accept-Encoding": "identity", **byte_range(start, end)}
        with self._reaching():
            request = self._caller.http.build_request("GET", href, headers=headers)
            answer = self._caller.http.send(request, stream=True)
        with closing(answer):
            self._check(answer, file.path)
            begin, size = place_in_file(answer.status_code, answer.headers)
            yield Stream(begin, size, self._received(answer))

    def _action(self, file: RemoteFile) -> tuple[str, dict[str, str]]:
        """Ask the batch API where the file is, and what to send there."""
        asked = {
            "operation": "download",
            "transfers": ["basic"],
            "objects": [{"oid": file.sha256, "size": file.size}],
        }
        answer = self._post(asked)
        if answer.status_code == 401 and self._log_in():
            answer = self._post(asked)
        self._check(answer, file.path)
        try:
            found = answer.json()["objects"][0]
            download = found.get("actions", {}).get("download")
            if download is None:
                raise FileNotInRepo(
                    f"{self.url} has no bytes of {file.path}: {_said(found)}.", path=file.path
                )
            href, header = str(download["href"]), dict(download.get("header") or {})
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            raise HubUnreachable(f"{self.url} answered, but not as git LFS does.") from None
        if urlsplit(href).scheme not in ("http", "https"):
            raise HubUnreachable(f"{self.url} names an address for {file.path} that is no http.")
        return href, {str(key): str(value) for key, value in header.items()}

    def _post(self, asked: dict[str, Any]) -> httpx2.Response:
        url = self.url.rstrip("/").removesuffix(".git") + ".git/info/lfs/objects/batch"
        headers = {"Accept": JSON, "Content-Type": JSON, **self._login}
        with self._reaching():
            return self._caller.ask("POST", url, json=asked, headers=headers)

    def _log_in(self) -> bool:
        """Take name and password from where git keeps them; False where it has none."""
        where = urlsplit(self.url)
        asked = f"protocol={where.scheme}\nhost={where.netloc}\npath={where.path.lstrip('/')}\n\n"
        try:
            said = program.run(Path("/"), "credential", "fill", told=asked.encode()).decode()
        except program.GitFailed:
            return False
        known = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        pair = f"{known.get('username', '')}:{known.get('password', '')}"
        self._login = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return "password" in known

    def _in_clone(self, oid: str) -> Path:
        root = Path(unquote(urlsplit(self.url).path))
        folders = [root / ".git/lfs/objects", root / "lfs/objects"]
        for place in (folder / oid[:2] / oid[2:4] / oid for folder in folders):
            if place.is_file():
                return place
        raise FileNotInRepo(
            f"{root} has no bytes of the large file {oid[:12]}.", hint="`git lfs fetch` there."
        )

    def _check(self, answer: httpx2.Response, path: str) -> None:
        status = answer.status_code
        if answer.is_success:
            return
        if status == 404:
            raise ModelNotFound(f"{self.url} has no large files, or not for you.")
        if status == 401:
            login = "Let git keep a name and a password for it (gitcredentials(7))."
            raise AuthRequired(f"{self.url} gives {path} to nobody unknown.", hint=login)
        if status == 403:
            raise GatedRepo(f"{self.url} does not give {path} to you.", hint="Ask its owner.")
        raise HubUnreachable(f"{self.url} answered {status} for {path}.", status=status)

    def _received(self, answer: httpx2.Response) -> Iterator[bytes]:
        with self._reaching():
            yield from answer.iter_raw()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            cause = root_cause(error)
            raise HubUnreachable(
                f"{self.url} did not answer: {cause}.",
                hint="Check the network, then run the same command again.",
            ) from error


def _said(found: dict[str, Any]) -> str:
    error = found.get("error") or {}
    return str(error.get("message") or "no reason given").rstrip(".")


def _pieces(local: Any, start: int, size: int, end: int | None) -> Iterator[bytes]:
    left = (size if end is None else min(end, size)) - start
    while left > 0 and (piece := local.read(min(CHUNK, left))):
        left -= len(piece)
        yield piece
