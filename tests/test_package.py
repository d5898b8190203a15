"""What is built to be installed has everything that the checkout has, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_is_whole_and_runs_by_itself(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    listed = subprocess.run(
        ["git", "ls-files", "src/ostler"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    wanted = {name.removeprefix("src/") for name in listed.stdout.split()}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.startswith("ostler-")}
        archive.extractall(tmp_path / "site")
    assert wanted <= held
    assert not [name for name in held if "__pycache__" in name or name.endswith(".pyc")]
    done = subprocess.run(
        [sys.executable, "-c", "import sys, ostler; from ostler.__main__ import main\n"
         "assert 'site' in ostler.__file__, ostler.__file__\n"
         "sys.argv = ['ostler', 'guide', '--json']; main()"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site"), "OSTLER_HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
