"""Records in both databases: a file of SQLite, and a real PostgreSQL where one is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ostler.launchers.ports import free_port
from ostler.records.records import Records


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server of our own, gone after the tests."""
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("PostgreSQL is not installed here")
    root = os.getuid() == 0  # PostgreSQL refuses to run as root
    try:
        user = pwd.getpwnam("postgres").pw_name if root else None
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    with tempfile.TemporaryDirectory(prefix="ostler-pg-", dir="/tmp") as folder:
        if user:
            shutil.chown(folder, user)
        data, port = Path(folder, "data"), free_port("127.0.0.1", range(21000, 22000))
        making = ["initdb", "-D", data, "-U", "ostler", "--auth=trust", "--no-sync", "--no-locale"]
        subprocess.run(making, user=user, check=True, capture_output=True, cwd=folder)
        server = subprocess.Popen(
            ["postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1"],
            user=user,
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.stderr
        try:
            while "ready to accept connections" not in (line := server.stderr.readline()):
                assert line, "the server ended"
            yield f"postgresql://ostler@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.communicate(timeout=30)


@pytest.fixture(params=["sqlite", "postgresql"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    """Empty records, once in each database."""
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
        emptied(url)
    opened = Records(tmp_path / "home", url)
    yield opened
    opened.close()


def emptied(url: str) -> None:
    """Drop what an earlier test left."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
