"""What every engine must do, as tests: subclass `EngineContract` in a test module.

The subclass brings the fixtures `engine`, `installed` (one installation of it) and `served` (a
model that it can run). Nothing is started.
"""

from __future__ import annotations

from dataclasses import replace

from ostler.nouns import (
    Device,
    Format,
    Hardware,
    Installed,
    ModelFacts,
    Served,
    Task,
    Workload,
)
from ostler.ports import Engine

GIB = 1 << 30
MACHINES = tuple(
    Hardware(
        system,
        machine,
        "a processor",
        8,
        (
            Device("cpu", 0, "a processor", 64 * GIB, 60 * GIB),
            *(Device(kind, 0, "a GPU", 24 * GIB, 20 * GIB) for kind in gpus),
        ),
    )
    for system, machine, gpus in (
        ("linux", "x86_64", ()),
        ("linux", "aarch64", ()),
        ("linux", "x86_64", ("nvidia",)),
        ("linux", "x86_64", ("amd",)),
        ("darwin", "arm64", ("apple",)),
        ("windows", "x86_64", ()),
    )
)
UNKNOWN = ModelFacts(Format.SAFETENSORS, None, None, None, 0, None)
GARBAGE = ("", "\x00\x1b[31m", "all is well", "{}", "é" * 10_000)


class EngineContract:
    """Tests for the fixtures `engine`, `installed` and `served`."""

    def test_it_gives_a_reason_for_every_model_and_machine(
        self, engine: Engine, installed: Installed
    ) -> None:
        """It judges anything, never raises, and says why in words."""
        for facts in every_kind_of_model():
            for machine in MACHINES:
                for found in (installed, None):
                    verdict = engine.judge(facts, machine, found)
                    assert verdict.engine == engine.name
                    assert len(verdict.because) > 10
                    assert not (verdict.can and verdict.installed is None)

    def test_it_can_run_what_it_can_run(
        self, engine: Engine, installed: Installed, served: Served
    ) -> None:
        """Its own model is accepted on some machine, and refused where it is not installed."""
        assert any(engine.judge(served.facts, machine, installed).can for machine in MACHINES)
        for machine in MACHINES:
            verdict = engine.judge(served.facts, machine, None)
            assert not verdict.can

    def test_what_is_not_installed_is_refused_with_a_way_to_install_it(
        self, engine: Engine, installed: Installed, served: Served
    ) -> None:
        """Where only the installation is missing, the reason holds a command."""
        for machine in MACHINES:
            if engine.judge(served.facts, machine, installed).can:
                because = engine.judge(served.facts, machine, None).because
                assert "not installed" in because
                assert because.count("`") == 2

    def test_a_launch_is_a_pure_function(
        self, engine: Engine, installed: Installed, served: Served
    ) -> None:
        """The same input describes the same process."""
        ways = [engine.launch(installed, served, Workload(), "127.0.0.1", 21000) for _ in "ab"]
        assert ways[0] == ways[1]

    def test_a_launch_describes_a_process(
        self, engine: Engine, installed: Installed, served: Served
    ) -> None:
        """Its words are words, its paths are paths, and the model can be asked for by name."""
        spec = engine.launch(installed, served, Workload(threads=1), "127.0.0.1", 21000)
        assert spec.engine == engine.name
        assert spec.argv[: len(installed.argv)] == installed.argv
        assert all(isinstance(word, str) and word for word in spec.argv)
        assert "21000" in spec.argv
        assert "127.0.0.1" in spec.argv
        assert (spec.host, spec.port, spec.model) == ("127.0.0.1", 21000, served)
        assert spec.health_path.startswith("/")
        assert spec.metrics_path is None or spec.metrics_path.startswith("/")
        assert spec.model_name
        assert spec.cwd is None or spec.cwd.startswith("/")
        assert not (spec.links and spec.cwd is None)

    def test_it_sleeps_only_where_it_may(
        self, engine: Engine, installed: Installed, served: Served
    ) -> None:
        """How to put it to sleep is said where that was wished for, by an engine that can."""
        awake, may = (
            engine.launch(installed, served, Workload(sleeps=sleeps), "127.0.0.1", 21000)
            for sleeps in (False, True)
        )
        assert awake.sleep_mode is None
        if may.sleep_mode is not None:
            assert all(path.startswith("/") for path in (may.sleep_mode.sleep, may.sleep_mode.wake))
            assert may.sleep_mode.asleep.startswith("/")

    def test_its_deadline_grows_with_the_bytes(
        self, engine: Engine, installed: Installed, served: Served
    ) -> None:
        """A model of 100 GiB may take longer to load than one of 1 GiB."""
        deadlines = [
            engine.launch(
                installed,
                replace(served, facts=replace(served.facts, weight_bytes=size)),
                Workload(),
                "127.0.0.1",
                21000,
            ).deadline
            for size in (0, GIB, 100 * GIB)
        ]
        assert deadlines[0] > 0
        assert deadlines == sorted(set(deadlines))

    def test_other_ports_are_other_processes(
        self, engine: Engine, installed: Installed, served: Served
    ) -> None:
        """Two processes of one engine share no working folder."""
        one, two = (
            engine.launch(installed, served, Workload(), "127.0.0.1", port)
            for port in (21000, 21001)
        )
        assert one.argv != two.argv
        assert one.cwd is None or one.cwd != two.cwd

    def test_a_log_that_says_nothing_has_no_cause(self, engine: Engine) -> None:
        """Neither an empty log nor garbage is taken for a cause of death."""
        for code in (None, 0, 1):
            assert engine.diagnose((), code) is None
            assert engine.diagnose(GARBAGE, code) is None

    def test_a_kill_is_seen(self, engine: Engine) -> None:
        """A process killed from outside has a cause, whatever its log says."""
        found = engine.diagnose(GARBAGE, -9)
        assert found is not None
        assert found.cause == "killed"
        assert found.what
        assert found.advice

    def test_common_causes_have_stable_words(self, engine: Engine) -> None:
        """Each cause has its word, its advice and the line that says so."""
        for cause, line in COMMON.items():
            found = engine.diagnose(("something before", line, "something after"), 1)
            assert found is not None, line
            assert found.cause == cause
            assert found.evidence == line
            assert found.what
            assert found.advice


COMMON = {
    "out_of_memory": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    "cuda_error": "CUDA error: an illegal memory access was encountered",
    "port_in_use": "[Errno 98] error while attempting to bind: address already in use",
}


def every_kind_of_model() -> list[ModelFacts]:
    """One model of each format and task, one that nothing is known of, and special ones."""
    known = replace(UNKNOWN, architecture="llama", parameters=10, weight_bytes=20, dtype="F16")
    kinds = [replace(known, format=kind, task=task) for kind in Format for task in (*Task, None)]
    return [UNKNOWN, replace(known, remote_code=True), replace(known, quantization="awq"), *kinds]
