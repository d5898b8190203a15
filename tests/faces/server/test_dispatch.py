"""What callers of a model that cannot be had are answered with."""

from __future__ import annotations

import pytest

from ostler.errors import OstlerError, every
from ostler.faces.server.dispatch import status_of


@pytest.mark.parametrize("kind", every())
def test_nobody_is_told_that_their_key_is_wrong_because_ours_is(kind: type[OstlerError]) -> None:
    status = status_of(kind("It is so."))
    assert status == (502 if kind.http_status == 401 else kind.http_status)
    assert status != 401
