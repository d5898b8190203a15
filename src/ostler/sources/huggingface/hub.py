"""The Hugging Face Hub, or whatever speaks its language at another endpoint.

Questions are asked as huggingface_hub asks them, and it says what a refusal means; bytes are
streamed here, so that they can be resumed and hashed while they are written. The token goes to
the endpoint's origin only: the HTTP client drops it on a redirect to any other scheme, host or
port.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.utils import logging as hub_logging

from ostler.core.patience import Patience
from ostler.core.streams import byte_range
from ostler.errors import AuthRequired, HubUnreachable, TokenRejected
from ostler.nouns import Found, Listing, ModelRef, RemoteFile, SearchResults
from ostler.sources import Caller, trust
from ostler.sources.huggingface import direct, reading, refusals
from ostler.sources.huggingface.body import HubBody
from ostler.sources.huggingface.direct import Direct
from ostler.sources.huggingface.direct_body import DirectBody
from ostler.version import __version__

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0  # seconds
AGENT = f"ostler/{__version__}"
READ_TIMEOUT = 30.0  # seconds without a byte before the connection is given up
TIMEOUT = httpx2.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
ASKED_OF_SEARCH = ["downloads", "gated", "pipeline_tag", "tags", "usedStorage"]


def stored_token() -> str | None:
    """Return the user's token: HF_TOKEN, HUGGING_FACE_HUB_TOKEN, or what `hf auth login` left."""
    return huggingface_hub.get_token()


def token_file() -> Path:
    """Return where `hf auth login` leaves the token, whether there is one or not."""
    return Path(constants.HF_TOKEN_PATH)


class HuggingFace:
    """A hub at one endpoint. Safe to use from several threads."""

    def __init__(
        self, endpoint: str, token: str | None = None, patience: Patience | None = None
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._token = token
        self._patience = patience or Patience(attempts=4)
        self._caller = Caller(TIMEOUT)
        self._direct = Direct(CONNECT_TIMEOUT, READ_TIMEOUT)
        self._straight_on = direct.usable()  # as the client, which reads the environment once
        hub_logging.set_verbosity(logging.CRITICAL)  # it would write past our own output

    def close(self) -> None:
        """Close the connections."""
        self._caller.close()
        self._direct.close()
        huggingface_hub.close_session()

    def apart(self) -> HuggingFace:
        """Return the same hub with connections of its own for bytes."""
        other = copy.copy(self)
        other._direct = self._direct.apart()
        other._caller = self._caller.apart()
        return other

    def hang_up(self) -> None:
        """Break off the bytes that are on their way, and ask for none any more."""
        self._direct.hang_up()
        self._caller.hang_up()

    def listing(self, ref: ModelRef) -> Listing:
        """Return the repository at the ref's revision, `main` where it names none.

        Raises ModelNotFound, RevisionNotFound, GatedRepo, TokenRejected, AuthRequired,
        HubUnreachable.
        """
        revision = ref.revision or constants.DEFAULT_REVISION
        page = self._patiently(ref, lambda: reading.page(self._model_page(ref.name, revision)))
        files = page.files or self._patiently(ref, lambda: self._tree(page.name, page.commit))
        return Listing(
            source=ref.source,
            name=page.name,
            commit=page.commit,
            files=files,
            revision=None if revision == page.commit else revision,
            asked_name=ref.name if ref.name != page.name else None,
            licence=page.licence,
            gated=page.gated,
            private=page.private,
            task=page.task,
            tags=page.tags,
        )

    def _model_page(self, name: str, revision: str) -> Any:
        """Ask for a model's page. HfApi does the same, and takes 60 ms to be imported."""
        self._unless_offline(name, revision, None)
        answer = self._caller.ask(
            "GET",
            f"{self.endpoint}/api/models/{name}/revision/{quote(revision, safe='')}",
            params={"blobs": True},
            headers=self._headers(),
        )
        refusals.raise_for_status(answer, lambda error: self._refused(name, revision, None, error))
        return answer.json()

    def _tree(self, name: str, commit: str) -> tuple[RemoteFile, ...]:
        """List the files the long way, for mirrors that leave sizes out of the model's page."""
        from huggingface_hub import HfApi, hf_api

        huggingface_hub.set_client_factory(_client)
        # False, not None: with None it would send the stored token by itself
        api = HfApi(endpoint=self.endpoint, token=self._token or False)
        found = api.list_repo_tree(name, revision=commit, recursive=True)
        return tuple(
            reading.file_of(item.path, item.size, item.blob_id, item.lfs)
            for item in found
            if isinstance(item, hf_api.RepoFile)
        )

    def _patiently(self, ref: ModelRef, ask: Callable[[], T]) -> T:
        """Ask, and again after a pause where the hub is busy; a dead hub is not waited for."""
        failures = 0
        while True:
            try:
                return self._asking(ref, ask)
            except HubUnreachable as error:
                failures += 1
                pause = self._patience.pause(failures, error.facts.get("retry_after"))
                if "status" not in error.facts or pause is None:
                    raise
                time.sleep(pause)

    def _asking(self, ref: ModelRef, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._refused(ref.name, ref.revision, None, error) from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            said = f": {error}" if type(error) is ValueError else ""  # one of `reading`'s sentences
            raise HubUnreachable(
                f"{self.endpoint} answered, but not as a Hugging Face Hub does{said}.",
                hint="Check HF_ENDPOINT or --endpoint.",
                endpoint=self.endpoint,
            ) from error

    def _refused(
        self, name: str, revision: str | None, path: str | None, error: Exception
    ) -> Exception:
        asked = refusals.Asked(self.endpoint, name, revision, path, bool(self._token))
        return refusals.explain(asked, error)

    @contextmanager
    def open(
        self, listing: Listing, file: RemoteFile, start: int = 0, end: int | None = None
    ) -> Iterator[HubBody | DirectBody]:
        """Open a file's bytes from `start` to before `end`; the body says where it begins.

        A server that ignores the range, or refuses it, gives the file from its first byte.
        Raises FileNotInRepo, GatedRepo, TokenRejected, AuthRequired, HubUnreachable.
        """
        self._unless_offline(listing.name, listing.commit, file.path)
        url = f"{self.endpoint}/{listing.name}/resolve/{listing.commit}/{quote(file.path)}"
        headers = {"Accept-Encoding": "identity", "User-Agent": AGENT, **self._headers()}
        headers |= byte_range(start, end)
        explain = self._explainer(listing, file)
        way = self._straight if self._straight_on else self._through_proxy
        with ExitStack() as stack:
            body = stack.enter_context(way(url, headers, explain))
            if body is None:  # 416: what is there is shorter than what we ask for
                headers["Range"] = "bytes=0-"
                body = stack.enter_context(way(url, headers, explain))
            if body is None:
                raise explain(httpx2.RemoteProtocolError("status 416 for bytes=0-"))
            yield body

    def _unless_offline(self, name: str, revision: str, path: str | None) -> None:
        if constants.is_offline_mode():
            off = huggingface_hub.errors.OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
            raise self._refused(name, revision, path, off)

    @contextmanager
    def _straight(
        self, url: str, headers: dict[str, str], explain: Callable[[Exception], Exception]
    ) -> Iterator[DirectBody | None]:
        with self._direct.open(url, headers, explain) as body:
            if body.status == 416:
                yield None
                return
            if body.status not in (200, 206):
                refusals.raise_for_status(body.as_response(), explain)
            yield body

    @contextmanager
    def _through_proxy(
        self, url: str, headers: dict[str, str], explain: Callable[[Exception], Exception]
    ) -> Iterator[HubBody | None]:
        response = self._send(url, headers, explain)
        with closing(response):
            if response.status_code == 416:
                yield None
                return
            refusals.raise_for_status(response, explain)
            yield HubBody(response, explain)

    def _explainer(self, listing: Listing, file: RemoteFile) -> Callable[[Exception], Exception]:
        return lambda error: self._refused(listing.name, listing.commit, file.path, error)

    def _send(
        self, url: str, headers: dict[str, str], explain: Callable[[Exception], Exception]
    ) -> httpx2.Response:
        try:
            request = self._caller.http.build_request("GET", url, headers=headers)
            return self._caller.http.send(request, stream=True)
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise explain(error) from error

    def search(self, words: str, limit: int) -> SearchResults:
        """Return what the hub knows under these words; an outage is part of the answer."""
        try:
            found = self._asking(ModelRef(words), lambda: self._search_page(words, limit))
        except (HubUnreachable, TokenRejected, AuthRequired) as error:
            return SearchResults((), error.what, error.facts.get("retry_after"))
        return SearchResults(found)

    def _search_page(self, words: str, limit: int) -> tuple[Found, ...]:
        """Ask for one page. HfApi.list_models would try a dead hub for half a minute."""
        answer = self._caller.ask(
            "GET",
            f"{self.endpoint}/api/models",
            params={"search": words, "limit": limit, "expand": ASKED_OF_SEARCH},
            headers=self._headers(),
        )
        refusals.raise_for_status(answer, lambda error: self._refused(words, None, None, error))
        return tuple(reading.found(info) for info in answer.json())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}


def _client() -> httpx2.Client:
    return httpx2.Client(follow_redirects=True, timeout=TIMEOUT, verify=trust())
