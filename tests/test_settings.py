"""A flag before the environment, that before the home's own file, that before the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from ostler.errors import UsageError
from ostler.settings import FILE, load


def test_each_has_its_turn(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('port = 1\nworkers = 2\nhost = "::1"\noffline = true\n')
    env = {"OSTLER_HOME": str(tmp_path), "OSTLER_PORT": "3", "OSTLER_WORKERS": "4"}
    found = load(env, workers=5)
    assert (found.workers, found.port, found.host, found.offline) == (5, 3, "::1", True)
    said = {name: found.origins[name] for name in ("workers", "port", "host", "threads", "home")}
    assert said == {
        "workers": "flag", "port": "OSTLER_PORT", "host": FILE, "threads": "default",
        "home": "OSTLER_HOME",
    }  # fmt: skip
    assert load(env | {"OSTLER_OFFLINE": "no"}).offline is False


def test_the_base_path_of_other_tools_is_the_home(tmp_path: Path) -> None:
    found = load({"MODEL_BASE_PATH": str(tmp_path)})
    assert (found.home, found.origins["home"]) == (tmp_path, "MODEL_BASE_PATH")
    both = load({"MODEL_BASE_PATH": str(tmp_path), "OSTLER_HOME": str(tmp_path / "own")})
    assert both.home == tmp_path / "own"
    assert load({}, home=str(tmp_path)).origins["home"] == "flag"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('home = "/x"', "'home', which is no setting"),
        ('launcher = "docker"', "as a process or in a container, not as 'docker'"),
        ("ports = 1", "'ports', which is no setting"),
        ('port = "1"', "a whole number"),
        ("port = true", "a whole number"),
        ("offline = 1", "true or false"),
        ("host = 1", "a text"),
        ("port = ", "is no TOML"),
    ],
)
def test_a_file_that_is_wrong_is_told(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UsageError, match=says):
        load({}, home=str(tmp_path))
