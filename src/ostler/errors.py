"""Every refusal Ostler can give: a stable code, an HTTP status, an exit code, the next step.

`what` is one sentence that says what happened, `hint` the command or act to try next, and
`facts` the same as data, for `--json` and the API. Codes and numbers never change meaning.
"""

from __future__ import annotations

from typing import Any, ClassVar


class OstlerError(Exception):
    """Something else went wrong, and the sentence says what; never a bug of ours."""

    code: ClassVar[str] = "failed"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, hint: str = "", **facts: Any) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.facts = facts

    def as_dict(self) -> dict[str, Any]:
        """The error as the API and `--json` give it."""
        body: dict[str, Any] = {"code": self.code, "message": self.what}
        if self.hint:
            body["hint"] = self.hint
        return body | ({"facts": self.facts} if self.facts else {})


class UsageError(OstlerError):
    """The command itself was wrong."""

    code, http_status, exit_code = "usage", 400, 2


class BadRef(UsageError):
    """A text that is no model reference. No network call was made."""

    code = "bad_ref"


class QuantizationNotFound(OstlerError):
    """The repository has no such quantization."""

    code, http_status, exit_code = "quantization_not_found", 404, 3


class LicenceBlocked(OstlerError):
    """The operator's licence policy forbids this model."""

    code, http_status, exit_code = "licence_blocked", 403, 4


class GatedRepo(OstlerError):
    """The repository needs its owner's consent."""

    code, http_status, exit_code = "gated_repo", 403, 5


class ModelNotFound(OstlerError):
    """The hub has no such repository."""

    code, http_status, exit_code = "model_not_found", 404, 6


class TokenRejected(OstlerError):
    """The hub does not accept the token."""

    code, http_status, exit_code = "token_rejected", 401, 7


class AuthRequired(OstlerError):
    """The address wants a key or token and got none that it knows."""

    code, http_status, exit_code = "auth_required", 401, 8


class IncompleteShards(OstlerError):
    """A split file lacks some of its parts."""

    code, http_status, exit_code = "incomplete_shards", 409, 9


class InsufficientDisk(OstlerError):
    """Too little room on the disk, before or during a download."""

    code, http_status, exit_code = "insufficient_disk", 507, 10


class ChecksumMismatch(OstlerError):
    """Bytes that are not the ones the hub names; they were not kept."""

    code, http_status, exit_code = "checksum_mismatch", 502, 11


class HubUnreachable(OstlerError):
    """The hub did not answer, or stopped answering half-way."""

    code, http_status, exit_code = "hub_unreachable", 502, 12


class EngineFailed(OstlerError):
    """The engine died or gave no answer while starting."""

    code, http_status, exit_code = "engine_failed", 500, 13


class PortInUse(OstlerError):
    """Another program listens there."""

    code, http_status, exit_code = "port_in_use", 409, 14


class UnknownModel(OstlerError):
    """No model of this name is kept here."""

    code, http_status, exit_code = "unknown_model", 404, 15


class OfflineMissing(UnknownModel):
    """The model is not kept here, and no hub may be asked."""

    code, http_status, exit_code = "offline_missing", 404, 44


class ContextTooLong(OstlerError):
    """The prompt does not fit the model's context."""

    code, http_status, exit_code = "context_too_long", 400, 16


class EngineUnsupported(OstlerError):
    """This engine cannot run this model here."""

    code, http_status, exit_code = "engine_unsupported", 409, 17


class UnsupportedArchitecture(EngineUnsupported):
    """No engine here, or not the one that was named, loads models of this architecture."""

    code, http_status, exit_code = "unsupported_architecture", 409, 55


class DoesNotFit(OstlerError):
    """The model needs more memory than there is."""

    code, http_status, exit_code = "does_not_fit", 409, 18


class TooFewGpus(DoesNotFit):
    """The model is to run over more GPUs at once than there are, or than have the room."""

    code, http_status, exit_code = "insufficient_gpu_count", 409, 51


class CorruptFile(OstlerError):
    """A file is not what its format says it must be."""

    code, http_status, exit_code = "corrupt_file", 422, 19


class RevisionNotFound(OstlerError):
    """The repository exists, the branch, tag or commit does not."""

    code, http_status, exit_code = "revision_not_found", 404, 20


class FileNotInRepo(OstlerError):
    """The repository has no file that was asked for."""

    code, http_status, exit_code = "file_not_found", 404, 21


class StartupTimeout(OstlerError):
    """The engine is alive but was not ready in time."""

    code, http_status, exit_code = "startup_timeout", 504, 22


class ServerNotRunning(OstlerError):
    """The command needs `ostler serve`, and none runs for this home."""

    code, http_status, exit_code = "server_not_running", 503, 23


class Busy(OstlerError):
    """Another Ostler process holds what this one needs."""

    code, http_status, exit_code = "busy", 409, 24


class RequestFailed(OstlerError):
    """The engine refused or broke off a request."""

    code, http_status, exit_code = "request_failed", 502, 25


class DamagedModel(OstlerError):
    """Kept files no longer match their hashes."""

    code, http_status, exit_code = "damaged_model", 409, 1


class UnsafePath(OstlerError):
    """A name from outside that could lead out of the folder it is meant for."""

    code, http_status, exit_code = "unsafe_path", 502, 26


class NoCapacity(OstlerError):
    """The devices are full of other models."""

    code, http_status, exit_code = "no_capacity", 503, 27


class Stopped(OstlerError):
    """The model was stopped while somebody waited for it."""

    code, http_status, exit_code = "stopped", 503, 28


class UnknownGpu(OstlerError):
    """No GPU of this name is in the table."""

    code, http_status, exit_code = "unknown_gpu", 404, 29


class NoGpuFits(OstlerError):
    """No GPU on offer, within what was asked, holds the model."""

    code, http_status, exit_code = "no_gpu_fits", 409, 30


class Unwell(OstlerError):
    """Something that Ostler stands on is broken; `ostler doctor` names it."""

    code, http_status, exit_code = "unwell", 409, 1


class DownloadFailed(OstlerError):
    """A download that a caller waited for failed, or somebody ended it."""

    code, http_status, exit_code = "download_failed", 502, 52


class DownloadTimeout(OstlerError):
    """A download took longer than a caller would wait; it goes on."""

    code, http_status, exit_code = "download_timeout", 504, 53


class OverSpending(OstlerError):
    """Rented hours would cost more than the month's budget has left."""

    code, http_status, exit_code = "over_spending", 409, 50


class LfsPointer(OstlerError):
    """A file is a git-lfs pointer: its weights were never downloaded."""

    code, http_status, exit_code = "lfs_pointer_not_downloaded", 409, 31


class InUse(OstlerError):
    """A running server has loaded what was to be taken away."""

    code, http_status, exit_code = "in_use", 409, 32


class UnsafeFormat(OstlerError):
    """The operator's policy forbids weights that run code when they are loaded."""

    code, http_status, exit_code = "unsafe_format", 403, 33


class SourceNotAllowed(OstlerError):
    """The operator's list of allowed sources does not have this one."""

    code, http_status, exit_code = "source_not_allowed", 403, 34


class OverBudget(OstlerError):
    """The models together would take more than the store's budget."""

    code, http_status, exit_code = "over_budget", 507, 35


class Cancelled(OstlerError):
    """Somebody cancelled the download from another terminal."""

    code, http_status, exit_code = "cancelled", 409, 36


class Forbidden(OstlerError):
    """The key is known and may not do this."""

    code, http_status, exit_code = "forbidden", 403, 37


class RecordsUnavailable(OstlerError):
    """The database of keys, events and measurements cannot be read or written."""

    code, http_status, exit_code = "records_unavailable", 503, 38


class UnknownKey(OstlerError):
    """There is no key of this name in force."""

    code, http_status, exit_code = "unknown_key", 404, 39


class KeyExists(OstlerError):
    """A key of this name is in force already."""

    code, http_status, exit_code = "key_exists", 409, 40


class OutsideSchedule(OstlerError):
    """The model may not be used at this hour."""

    code, http_status, exit_code = "outside_schedule", 503, 43


class ContainersUnavailable(OstlerError):
    """Nothing on this machine runs containers, or it does not answer."""

    code, http_status, exit_code = "containers_unavailable", 503, 49


class ImpossibleSplit(OstlerError):
    """The model's heads cannot be divided among so many GPUs."""

    code, http_status, exit_code = "impossible_split", 409, 41


class Contradiction(OstlerError):
    """Two files of a model say different things of it."""

    code, http_status, exit_code = "contradiction", 422, 42


class BrokenYaml(UsageError):
    """A file of the user's that should be YAML and is not; the line and column are said."""

    code, http_status, exit_code = "broken_yaml", 422, 45


class CannotEdit(OstlerError):
    """A file is written in a way that cannot be changed without touching the rest of it."""

    code, http_status, exit_code = "cannot_edit", 409, 46


class FileChanged(OstlerError):
    """Somebody wrote the file after its change was shown."""

    code, http_status, exit_code = "file_changed", 409, 47


class Drift(OstlerError):
    """What is wished, what is written in files and what runs are not the same."""

    code, http_status, exit_code = "drift", 409, 1


class BadRepository(OstlerError):
    """Triton would not serve a model of this model repository."""

    code, http_status, exit_code = "bad_repository", 422, 48


class UnknownJob(OstlerError):
    """No job of this id is known here."""

    code, http_status, exit_code = "unknown_job", 404, 54


def every() -> tuple[type[OstlerError], ...]:
    """Return every kind of refusal, general ones first."""
    kinds: list[type[OstlerError]] = [OstlerError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return tuple(kinds)


def is_code(text: str) -> bool:
    """Say whether a word is the code of a refusal."""
    return any(kind.code == text for kind in every())


def from_code(code: str, what: str, hint: str = "") -> OstlerError:
    """Make the refusal that a code names; an unknown code gives the general one."""
    kinds = {kind.code: kind for kind in every()}
    return kinds.get(code, OstlerError)(what, hint=hint)
