"""Write a GGUF file anew with smaller weights, by llama.cpp's own kernels out of the wheel.

`python -I -m ostler.programs.quantize JOB.json`. The job names the source files (shards in order),
the target, the type of each tensor that changes, settings to write and how many threads to use. A
line of JSON on stdout tells how far it is. A few rows are unpacked at a time, so memory does not
grow with the model. The kernels are called through ctypes: the wheel has no call of its own for
them, and its library exports them.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

F32, F16, BF16 = 0, 1, 30  # GGML's numbers of its types, which files hold and which never change
FLOATS = {F32: 4, F16: 2, BF16: 2}  # bytes of a number; only these are made smaller
PIECE = 8 << 20  # numbers unpacked at once by one thread: 32 MiB
SPLIT_KEYS = (b"split.no", b"split.count", b"split.tensors.count")
RANK = 4  # GGML_MAX_DIMS
EVERY = 32 << 20  # bytes of the source between two lines of progress


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a source file: where its bytes are, and its shape, fastest first."""

    name: str
    file: int
    offset: int
    size: int
    kind: int  # GGML's number of its type
    row: int  # numbers in a row
    rows: int


def main(argv: Sequence[str] | None = None) -> None:
    """Carry out the job in the file that the command line names."""
    [path] = sys.argv[1:] if argv is None else argv
    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    library = load()
    with Sources(library, job["sources"]) as sources:
        write(library, sources, job["target"], job["types"], job["settings"], job["threads"])


def say(**words: Any) -> None:
    """Tell whoever started us."""
    print(json.dumps(words), flush=True)  # noqa: T201 - stdout is how this program reports


def load() -> Any:
    """Load llama.cpp's library and describe the calls that are used."""
    own = f"{sys.prefix}/lib/libgomp.so.1"
    if os.path.exists(own):
        ctypes.CDLL(own, ctypes.RTLD_GLOBAL)
    import xllamacpp

    library = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    number, text, place, size = ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t
    long, many = ctypes.c_int64, ctypes.POINTER(ctypes.c_int64)
    calls: dict[str, tuple[Any, list[Any]]] = {
        "ggml_row_size": (size, [number, long]),
        "ggml_quantize_init": (None, [number]),
        "ggml_quantize_chunk": (size, [number, place, place, long, long, long, place]),
        "ggml_fp16_to_fp32_row": (None, [place, place, long]),
        "ggml_bf16_to_fp32_row": (None, [place, place, long]),
        "ggml_get_tensor": (place, [place, text]),
        "ggml_free": (None, [place]),
        "gguf_init_from_file": (place, [text, Params]),
        "gguf_init_empty": (place, []),
        "gguf_free": (None, [place]),
        "gguf_set_kv": (None, [place, place]),
        "gguf_set_val_u32": (None, [place, text, ctypes.c_uint32]),
        "gguf_remove_key": (long, [place, text]),
        "gguf_add_tensor": (None, [place, place]),
        "gguf_set_tensor_type": (None, [place, text, number]),
        "gguf_get_n_tensors": (long, [place]),
        "gguf_get_tensor_name": (text, [place, long]),
        "gguf_get_tensor_type": (number, [place, long]),
        "gguf_get_tensor_offset": (size, [place, long]),
        "gguf_get_tensor_size": (size, [place, long]),
        "gguf_get_tensor_ne": (many, [place, long]),
        "gguf_get_data_offset": (size, [place]),
        "gguf_get_alignment": (size, [place]),
        "gguf_get_meta_size": (size, [place]),
        "gguf_get_meta_data": (None, [place, place]),
    }
    for name, (gives, takes) in calls.items():
        try:
            call = getattr(library, name)
        except AttributeError:
            sys.exit(f"ostler: this build of xllamacpp has no {name}; update it, or use --tool")
        call.restype, call.argtypes = gives, takes
    return library


class Params(ctypes.Structure):
    """`gguf_init_params`: read the header only, and make a context of tensors without data."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.POINTER(ctypes.c_void_p)))


class Sources:
    """The source files: their headers as llama.cpp reads them, their bytes as mapped memory."""

    def __init__(self, library: Any, paths: Sequence[str]) -> None:
        self.library, self.paths = library, paths
        self.heads: list[Any] = []
        self.contexts: list[Any] = []
        self.maps: list[mmap.mmap] = []

    def __enter__(self) -> Sources:
        for path in self.paths:
            context = ctypes.c_void_p()
            params = Params(True, ctypes.pointer(context))
            head = self.library.gguf_init_from_file(os.fsencode(path), params)
            if not head:
                sys.exit(f"ostler: {path} cannot be read as GGUF")
            self.heads.append(head)
            self.contexts.append(context)
            with open(path, "rb") as file:  # copy on write: ctypes wants memory it may write to
                self.maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        return self

    def __exit__(self, *_: object) -> None:
        for head in self.heads:
            self.library.gguf_free(head)
        for context in self.contexts:
            self.library.ggml_free(context)

    def tensors(self) -> Iterator[Tensor]:
        """Yield every tensor, in the order of the files."""
        library = self.library
        for file, head in enumerate(self.heads):
            begin = library.gguf_get_data_offset(head)
            for at in range(library.gguf_get_n_tensors(head)):
                shape = library.gguf_get_tensor_ne(head, at)[:RANK]
                yield Tensor(
                    library.gguf_get_tensor_name(head, at).decode(),
                    file,
                    begin + library.gguf_get_tensor_offset(head, at),
                    library.gguf_get_tensor_size(head, at),
                    library.gguf_get_tensor_type(head, at),
                    shape[0],
                    shape[1] * shape[2] * shape[3],
                )

    def address(self, tensor: Tensor) -> int:
        """Where a tensor's bytes are in memory."""
        memory = (ctypes.c_char * 1).from_buffer(self.maps[tensor.file], tensor.offset)
        return ctypes.addressof(memory)


def write(
    library: Any, sources: Sources, target: str, types: Mapping[str, int],
    settings: Mapping[str, int], threads: int,
) -> None:  # fmt: skip
    """Write the header, then each tensor in its new type, aligned as the header says."""
    head = header(library, sources, types, settings)
    alignment = library.gguf_get_alignment(head)
    tensors = list(sources.tensors())
    done, total, told = 0, sum(tensor.size for tensor in tensors), 0
    with open(target, "wb") as file, ThreadPoolExecutor(max(1, threads)) as pool:
        size = library.gguf_get_meta_size(head)
        meta = ctypes.create_string_buffer(size)
        library.gguf_get_meta_data(head, meta)
        file.write(memoryview(meta)[:size])
        for tensor in tensors:
            kind = types.get(tensor.name, tensor.kind)
            for piece in converted(library, sources, tensor, kind, pool, threads):
                file.write(piece)
            file.write(b"\0" * (-file.tell() % alignment))
            done += tensor.size
            if done - told >= EVERY or done == total:
                say(tensor=tensor.name, done=done, total=total)
                told = done
        synced(file)
    library.gguf_free(head)


def synced(file: BinaryIO) -> None:
    """Let the file be on the disk before anybody is told that it is done."""
    file.flush()
    os.fsync(file.fileno())


def header(
    library: Any, sources: Sources, types: Mapping[str, int], settings: Mapping[str, int]
) -> Any:
    """Return the header to write: the first source's settings, ours, every tensor's new type."""
    head = library.gguf_init_empty()
    library.gguf_set_kv(head, sources.heads[0])
    for key in SPLIT_KEYS:
        library.gguf_remove_key(head, key)
    for name, value in settings.items():
        library.gguf_set_val_u32(head, name.encode(), value)
    for tensor in sources.tensors():
        text = tensor.name.encode()
        library.gguf_add_tensor(head, library.ggml_get_tensor(sources.contexts[tensor.file], text))
        if tensor.name in types:
            library.gguf_set_tensor_type(head, text, types[tensor.name])
    return head


def converted(
    library: Any, sources: Sources, tensor: Tensor, kind: int, pool: ThreadPoolExecutor,
    threads: int,
) -> Iterator[memoryview | bytes]:  # fmt: skip
    """Yield a tensor's bytes in another type, some rows at a time and in order."""
    if kind == tensor.kind:
        memory = memoryview(sources.maps[tensor.file])
        yield memory[tensor.offset : tensor.offset + tensor.size]
        return
    if tensor.kind not in FLOATS:
        sys.exit(f"ostler: {tensor.name} is made smaller already (GGML type {tensor.kind})")
    library.ggml_quantize_init(kind)
    at_once = max(1, min(PIECE // tensor.row, -(-tensor.rows // max(1, threads))))
    begin = sources.address(tensor)
    rows = range(0, tensor.rows, at_once)
    work = partial(piece, library, tensor, kind, begin, at_once)
    for group in range(0, len(rows), max(1, threads)):  # no more unpacked than there are threads
        yield from pool.map(work, rows[group : group + max(1, threads)])


def piece(
    library: Any, tensor: Tensor, kind: int, begin: int, at_once: int, first: int
) -> memoryview:
    """Return some rows of a tensor in another type; numbers are unpacked to F32 first."""
    rows = min(at_once, tensor.rows - first)
    count = rows * tensor.row
    place = begin + first * tensor.row * FLOATS[tensor.kind]
    if tensor.kind != F32:
        floats = (ctypes.c_float * count)()
        half = tensor.kind == F16
        (library.ggml_fp16_to_fp32_row if half else library.ggml_bf16_to_fp32_row)(
            place, floats, count
        )
        place = ctypes.addressof(floats)
    out = ctypes.create_string_buffer(rows * library.ggml_row_size(kind, tensor.row))
    library.ggml_quantize_chunk(kind, place, out, 0, rows, tensor.row, None)
    return memoryview(out)


if __name__ == "__main__":
    main()
