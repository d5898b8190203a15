"""What is wrong in a command is said in a sentence: no traceback, no exit code of a bug."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ostler.faces.cli import app

SHIPPED = Path(__file__).resolve().parents[3] / "src/ostler/testing/models/ostler/tiny-embed-GGUF"
LINES = {
    "cost quote a/b --hours nan": "'nan' is no number",
    "cost quote a/b --hours 1e400": "is no number",
    "cost book a/b --hours 1 --usd inf": "'inf' is no number",
    "top --every nan": "is no number",
    "gpus --memory inf": "is no number",
    "gc --stale-days nan": "is no number",
    "recommend --task chat --budget nan": "is no number",
    "history --hours nan": "is no number",
    "serve --drain nan": "is no number",
    "bench a/b --rate nan": "is no number",
    "run a/b hi --temperature nan": "is no number",
    "fit a/b --tp 99999999": "not in the range",
    "export kubernetes a/b --gpus 99999999": "not in the range",
    "load a/b --duration 99999999999999h": "a year at most",
    "load a/b --duration 0s": "more than nothing",
    "pool set ../x 20GiB": "'../x' cannot be a pool's name",
    "fit a/b --all": "not both",
    "preload a/b --none": "not both",
    "export compose a/b --service ../x": "no name for a service",
    "export compose a/b --service mödel": "no name for a service",
    "export compose a/b --network ../x": "'../x' is no name for a network",
    "export compose a/b --profile a_b --profile a/b": "'a/b' is no name for a profile",
    "fit a/b --context 99999999999999999999999999": "not in the range",
    "serve --sequences 100000000": "not in the range",
    "bench a/b --rate 1e-300": "longer than a day",
    "import bytes --id a/b": "bytes is no file of weights",
    "pull -f empty": "empty names no model",
    "load \u00a0": "No model is named",
    "serve --keys bytes": "The key file bytes cannot be read: byte 1 is no UTF-8 text",
    "serve --tls-cert bytes --tls-key bytes": "cannot be used for HTTPS",
    "import-config model-configs bytes": "bytes",
    "files a/b --endpoint http://me:geheim@127.0.0.1:1": "holds a password: http://me:***@127.0.0.1:1",
    "pull ms:a/b --endpoint http://me:geheim@127.0.0.1:1": "holds a password",
    "--home bytes keys create me": "cannot be used: file exists",
    "--home bytes history": "cannot be used: file exists",
    "bench a/b --url http://127.0.0.1:1/v1 --requests 1": "broke off",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OSTLER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("bytes").write_bytes(b"\xff\xfe\x00 never a text")
    Path("empty").write_text("# nothing yet\n\n")
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_what_is_wrong_is_said(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = app._run(line.split(" "))
    said = " ".join(capsys.readouterr().err.split())
    assert code not in (0, 70), said
    assert LINES[line] in said
    assert "[Errno" not in said
    assert "geheim" not in said


@pytest.mark.parametrize("line", ["history --hours 1e300", "keys usage --days 99999999999"])
def test_a_time_before_all_dates_is_all_time(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app._run(line.split()) == 0
    assert capsys.readouterr().out


def test_a_file_where_a_view_was_to_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert app._run(["pull", f"folder:{SHIPPED}", "--quiet"]) == 0
    assert app._run(["view", "ostler/tiny-embed-GGUF", "--to", "bytes"]) == 2
    assert "bytes/tiny-embed-GGUF cannot be made: Not a directory." in capsys.readouterr().err


def test_a_port_of_the_settings_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OSTLER_PORT", "99999")
    assert app._run(["serve"]) == 2
    assert "port must be 0 to 65,535, not 99999." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("CONTEXT", "-1", "1 to 2,147,483,647"), ("CONTEXT", "1" + "0" * 26, "1 to 2,147,483,647"),
     ("WORKERS", "0", "1 to 64"), ("THREADS", "0", "1 to 4,096"),
     ("TRASH_DAYS", "-1", "0 or more")],
)  # fmt: skip
def test_a_number_of_the_settings_has_bounds(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv(f"OSTLER_{name}", value)
    assert app._run(["ls"]) == 2
    assert f"OSTLER_{name}: {name.lower()} must be {said}, not {value}." in capsys.readouterr().err


def test_a_folder_without_weights_is_kept_and_that_is_said(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "notes").mkdir()
    (here / "notes/bin.dat").write_bytes(b"no weights")
    assert app._run(["import", "notes", "--id", "a/b", "--offline", "--dry-run"]) == 0
    assert "nothing will serve it" in capsys.readouterr().err


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_settings_show_no_password(
    json: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://me:geheim@hub.example")
    monkeypatch.setenv("OSTLER_DATABASE", "postgresql://me:geheim@127.0.0.1:1/x")
    assert app._run(["config", *json]) == 0
    said = capsys.readouterr().out
    assert "geheim" not in said
    assert "me:***@" in said


def through(redirected: str) -> subprocess.CompletedProcess[str]:
    """Run `ostler gpus` in a shell that redirects it so."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$0" -m ostler gpus {redirected}', sys.executable],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("redirected", ["| head -1", ">&-", "<&- >&-"])
def test_a_reader_that_has_gone_is_no_error(redirected: str) -> None:
    done = through(redirected)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said() -> None:
    done = through(">/dev/full")
    assert done.returncode == 10
    assert done.stderr.startswith("Error: There is no room left on the disk that the output")


@pytest.mark.parametrize("line", ["preload --none", "config-of a/b --set context=64"])
def test_a_home_that_may_not_be_written(line: str, here: Path) -> None:
    (here / "home").mkdir(mode=0o500)
    words = [sys.executable, "-m", "ostler", *line.split()]
    if os.geteuid() == 0:  # root may write everywhere, unless it gives that right up
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("NO SETPRIV: root cannot give up its right to write everywhere here")
        words = [setpriv, "--bounding-set=-dac_override,-dac_read_search", *words]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "may not be used: Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_sees_a_home_that_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        app._run(["--home", "bytes", "doctor", "--offline"])
    assert end.value.code == 1
    assert "bytes is no folder." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "way"),
    [("hub serve", "`ostler hub serve --help`"), ("pull -f nothing", "`ostler doctor`"),
     ("config-of a/b use small --set context=1", "`ostler config-of --help`"),
     ("compare a/b --nothing", "ostler compare --help")],
)  # fmt: skip
def test_a_refusal_without_a_way_back_gets_one(
    line: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app._run(line.split()) != 0
    assert way in capsys.readouterr().err


ASKING = {
    "rm ostler/tiny-embed-GGUF": "nothing was removed",
    "keys revoke anna": "the key is still in force",
    "models remove mine": "nothing was removed",
    "cost book qwen3-8b --hours 1": "nothing was booked",
    "models add": "All options are required",
    "run ostler/tiny-embed-GGUF": "there is no terminal to chat on",
}


def test_nothing_is_asked_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is anything done: each command says how it is done without a question."""
    mine = "--name mine --hf-path a/b --params 1 --quantization fp16 --context 512 --no-check"
    for line in (
        f"pull folder:{SHIPPED} --quiet", "keys create anna", f"models add {mine}"
    ):  # fmt: skip
        assert app._run(line.split()) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    for line, said in ASKING.items():
        capsys.readouterr()
        assert app._run(line.split()) == 2, line
        err = capsys.readouterr().err
        assert said in err, line
        assert len(err.strip().splitlines()) > 1, line
    assert app._run(["cost", "report"]) == 0
    assert "Nothing was booked" in capsys.readouterr().out


def test_every_question_is_asked_in_one_place() -> None:
    folder = Path(app.__file__).parent
    asking = {
        path.name for path in folder.glob("*.py")
        if "click.confirm(" in path.read_text() or "click.prompt(" in path.read_text()
    }  # fmt: skip
    assert asking == {"asking.py", "models.py"}, "and models.py looks for a terminal first"
