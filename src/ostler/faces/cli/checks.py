"""The checks of `ostler doctor`, each of which looks at one thing and may fail alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from ostler import wiring
from ostler.core import checkup
from ostler.core.addresses import without_password
from ostler.core.checkup import Finding
from ostler.errors import OstlerError
from ostler.faces.cli import money, server, syncing, terms
from ostler.launchers.ports import is_free, port_range
from ostler.settings import Settings
from ostler.verbs import examine, pricing
from ostler.verbs.installing import installable, plan_install

Check = tuple[str, Callable[[], Iterable[Finding]]]


def run(checks: Iterable[Check]) -> list[Finding]:
    """Run every check; one that cannot look says so, and the others go on."""
    found: list[Finding] = []
    for name, look in checks:
        try:
            found += look()
        except OstlerError as refusal:
            found.append(Finding(name, "fail", refusal.what, refusal.hint))
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            what = f"This could not be looked at: {error.strerror or error}{where}."
            found.append(Finding(name, "warn", what))
    return found


def everything(settings: Settings, project: Path | None, model: str | None) -> list[Check]:
    """Return all checks, the nearest first: home, disk, store, engines, server, hub, project."""
    store = wiring.store(settings)
    checks: list[Check] = [
        ("permissions", lambda: examine.rights(settings.home)),
        ("secrets", lambda: examine.secrets(settings.home, wiring.token_file())),
        ("disk", lambda: [examine.room(store, settings.disk_warn_gb, settings.disk_critical_gb)]),
        ("file system", lambda: _file_system(settings.home)),
        ("store", lambda: examine.models(store)),
        ("records", lambda: _records(settings)),
        ("engines", lambda: _engines(settings)),
        ("containers", lambda: _containers(settings)),
        ("ports", lambda: _ports(settings)),
        ("server", lambda: _server(settings)),
        ("drift", lambda: _drift(settings)),
        ("licences", lambda: _licences(settings)),
        ("prices", lambda: [_prices(settings)]),
        ("hub", lambda: _hub(settings)),
    ]
    if model:
        checks.append(("access", lambda: [_access(settings, model)]))
    if project:
        checks.append(("project", lambda: examine.project(project)))
    return checks


def _file_system(home: Path) -> list[Finding]:
    from ostler.probe.mounts import mount_of

    return checkup.file_system(str(home), mount_of(home))


def _records(settings: Settings) -> list[Finding]:
    from ostler.verbs import mending

    if settings.database:
        with closing(wiring.records(settings)) as records:
            records.keys.edition()
        return [Finding("records", "ok", "The database of records answers.")]
    if not wiring.has_records(settings):
        return [Finding("records", "info", "Nothing was written down yet.")]
    path = settings.home / "ostler.db"
    if trouble := mending.plan(settings.home):
        fix = "ostler rebuild saves what can be read of it"
        return [Finding("records", "fail", f"{path} is damaged: {trouble}.", fix)]
    return [Finding("records", "ok", f"{path} is sound.")]


def _engines(settings: Settings) -> list[Finding]:
    machine = wiring.machine(settings, remembers=False)
    installed = {name: one.version for name, one in machine.installed.items()}
    found = checkup.engines(installed, [one.kind for one in machine.hardware.devices])
    found += [checkup.gpu(one) for one in machine.hardware.devices if one.kind != "cpu"]
    for name in sorted(installable()):
        plan = plan_install(name, settings.engines_dir)
        if plan.needed and plan.folder.is_dir():
            found.append(checkup.stale(name, plan.because))
    return found + [Finding("gpu", "warn", note) for note in machine.hardware.notes]


def _containers(settings: Settings) -> list[Finding]:
    needed = settings.launcher == "container"
    try:
        socket = wiring.container_socket(settings)
    except OstlerError as refusal:
        state: checkup.State = "fail" if needed else "info"
        return [Finding("containers", state, refusal.what, refusal.hint if needed else "")]
    return [Finding("containers", "ok", f"{socket} runs containers.")]


def _ports(settings: Settings) -> list[Finding]:
    from ostler.probe.mounts import ephemeral_ports

    ports = port_range(settings.engine_ports)
    found = [checkup.ports(ports[0], ports[-1], ephemeral_ports())]
    if server.running(settings) is None and not is_free(settings.host, settings.port):
        what = f"Port {settings.port} on {settings.host} is taken by another program."
        found.append(Finding("ports", "warn", what, "ostler serve --port N takes another"))
    return found


def _server(settings: Settings) -> list[Finding]:
    running = server.running(settings)
    if running is None:
        return [Finding("server", "info", "No server runs for this home.", "ostler serve")]
    found = [Finding("server", "ok", f"It answers at {running.address}, process {running.pid}.")]
    if server.ask(running, "GET", "/health").get("records") == "unavailable":
        what = "It cannot use its records: counts, events and new keys wait."
        found.append(Finding("server", "fail", what, "ostler status says why"))
    for one in server.ask(running, "GET", "/api/models"):
        if one["state"] == "failed":
            fix = f"ostler logs {one['id']}"
            found.append(Finding("server", "fail", f"{one['id']} failed: {one['why']}", fix))
    return found


def _drift(settings: Settings) -> list[Finding]:
    found = [
        Finding(
            "drift",
            "warn",
            f"{one.where}: {without_password(one.what)}",
            without_password(one.fix) or "ostler sync",
        )
        for one in syncing.look(settings, ()).differences
    ]
    return found or [Finding("drift", "ok", "Wishes, written files and what runs agree.")]


def _licences(settings: Settings) -> list[Finding]:
    from ostler.verbs import licensing

    found = []
    for manifest, ruling, other in licensing.report(terms.registrar(settings)):
        if other:
            what = f"{manifest.name}: {other}, the card {manifest.licence}."
            found.append(Finding("licences", "warn", what, "ostler licences"))
        if not ruling.allowed:
            what = f"{manifest.name}: {ruling.verdict.because}."
            fix = f"ostler licences accept {manifest.name}, or ostler rm {manifest.name}"
            found.append(Finding("licences", "fail", what, fix))
    return found or [Finding("licences", "ok", "No kept model's licence stands against a rule.")]


def _prices(settings: Settings) -> Finding:
    own = pricing.own(settings.home)
    return checkup.prices(own or pricing.offers(settings.home), money.today(), bool(own))


def _hub(settings: Settings) -> list[Finding]:
    if settings.offline:
        return [Finding("hub", "info", "Offline: no hub is asked.")]
    first, showed, greeting = wiring.greeting(settings)
    if greeting.error:
        fix = "Check the network, HF_ENDPOINT and proxies; --offline works with what is kept"
        return [Finding("hub", "warn", f"{first} does not answer: {greeting.error}.", fix)]
    found = [Finding("hub", "ok", f"{first} answers.")]
    if not showed:
        what = "There is no token; gated and private models are out of reach."
        found.append(Finding("token", "info", what, "hf auth login, or set HF_TOKEN"))
    elif greeting.refused:
        what = f"{first} does not know the token."
        found.append(Finding("token", "fail", what, "hf auth login replaces it"))
    else:
        whose = f" as {greeting.name}" if greeting.name else ""
        found.append(Finding("token", "ok", f"{first} takes the token{whose}."))
    if greeting.skewed:
        found.append(checkup.clock(*greeting.skewed, first))
    return found


def _access(settings: Settings, model: str) -> Finding:
    from ostler.core.refs import parse

    ref = parse(model)
    listing = wiring.source(settings, None, ref).listing(ref)
    gated = " It is gated, and you have access." if listing.gated else ""
    return Finding("access", "ok", f"{listing.name} can be fetched.{gated}")
