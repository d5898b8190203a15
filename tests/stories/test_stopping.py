"""Everything of one repository is stopped at once, and nothing else."""

from __future__ import annotations

from tests.stories.conftest import CHAT, EMBED, Shell, address_said, end


def test_stop_by_repository(shell: Shell) -> None:
    for model in (f"{CHAT}#q8_0", f"{CHAT}#f32", EMBED):
        shell.ok("pull", model, "--quiet")
    server = shell.background("serve", "--port", "0")
    try:
        address_said(server)
        for model in (f"{CHAT}#q8_0", f"{CHAT}#f32", EMBED):
            shell.ok("load", model)
        done = shell.ok("stop", "--repo", CHAT)
        assert sorted(line.split()[0] for line in done.out.splitlines()) == [
            f"{CHAT}#f32", f"{CHAT}#q8_0",
        ]  # fmt: skip
        (left,) = shell.ok("ps", "--json").json()["models"]
        assert left["id"].startswith(EMBED)
        assert f"No model of {CHAT} runs." in shell.ok("stop", "--repo", CHAT).err
        assert shell.run("stop", CHAT, "--repo", CHAT).code == 2
    finally:
        end(server)
