"""Bring a real dockerd, podman, Compose and quadlet generator for the tests; nothing is installed.

Debian's packages, pinned by hash, are unpacked into `.consumers/containers`, from where the tests
start dockerd. Where that is not possible the reason is printed, and the tests that need it say that
they are skipped. `make consumers` runs this; it needs dpkg, and takes a few seconds once.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from tools.debs import bring, unpack

PLACE = Path(__file__).resolve().parent.parent / ".consumers" / "containers"
POOL = "debian/pool/main/"
# Debian 12's, but for Compose and Podman, which are Debian 13's: the first with Compose v2 and
# with quadlets. Of Podman the generator runs on Debian 12 too, the rest does not.
PACKAGES = {
    "d/docker.io/docker.io_20.10.24+dfsg1-1+deb12u1+b6_amd64.deb":
        "daf8ff8f7aa53e8533d38e386fcc2a11e8f3891210776fb78a84b98feb4eea0e",
    "c/containerd/containerd_1.6.20~ds1-1+deb12u3_amd64.deb":
        "8669d264eeb0fcdb4a0b1ba436ab88ec5dafde4a66e1278ec279d830db4c2216",
    "r/runc/runc_1.1.5+ds1-1+deb12u1_amd64.deb":
        "a00351f8c0318de0b424ecf5cd0fdb69880a89f3511cae4f6fff7de3e57881c5",
    "t/tini/tini_0.19.0-1+b3_amd64.deb":
        "7d1947665fa40e55f218fefad773dc6de66458d0b39eaa292cdcadfc7c996632",
    "libs/libseccomp/libseccomp2_2.5.4-1+deb12u1_amd64.deb":
        "108fe67957ca7cf9ba51d801118a1b37d404bea7b6e365025cd00779e9eca38d",
    "l/lvm2/libdevmapper1.02.1_1.02.185-2_amd64.deb":
        "aaa78ca236055fedccf637eacf7bda02bf1980b2db668dccd202b04d0d2cfe04",
    "d/docker-compose/docker-compose_2.26.1-4_amd64.deb":
        "47681197cb2b1ab88206b42a1a92fc75f50d9530a6322d03494a473eed0408ea",
    "p/podman/podman_5.4.2+ds1-2+b2_amd64.deb":  # for its generator of units alone
        "e3987a9d1e6d46cbd4ee11bd067927a5f7f886e41c7a2dbe5b89a436905d44a0",
    "p/prometheus/prometheus_2.42.0+ds-5+deb12u1_amd64.deb":  # reads our metrics and rules
        "81d59a24fce84f7fbe97a45a4f2914b6a5881b5cd1db2a6a0e129e515e1a5f55",
    "g/git-lfs/git-lfs_3.3.0-1+deb12u1_amd64.deb":  # a client of our hub
        "633a69f57a01eb3dd8e4bf8e191296793c5305e90e3d4584115fba2815081383",
}  # fmt: skip
# A podman that runs on Debian 12, in a folder of its own: the one above has the same name.
PODMAN = {
    "libp/libpod/podman_4.3.1+ds1-8+deb12u1+b3_amd64.deb":
        "881ab556a1df5b911359c83a647597eb36c156a8615e754436e520a6ae0661ab",
    "c/conmon/conmon_2.1.6+ds1-1_amd64.deb":
        "2d4111853199dd8c7cbcda3da04f37d9b7f3a7b08dc1cee546a1e5518de8a596",
    "g/golang-github-containernetworking-plugins/containernetworking-plugins_1.1.1+ds1-3+b5_amd64.deb":
        "4cac8143474d1249b19f7b0e80b8d0daaa6dfdaa8bd514bc468d38d4a108099f",
    "g/gpgme1.0/libgpgme11_1.18.0-3+b1_amd64.deb":
        "dc075584050dc5c8ac27563fc222e8c1ea71128a019a6d129d5823e47ac1e55e",
    "liba/libassuan/libassuan0_2.5.5-5_amd64.deb":
        "5912430927da16ccc831459679207fdbb9dfc5a206f2bab8d6f36d5a1ab53e25",
    "s/shadow/libsubid4_4.13+dfsg1-1+deb12u2_amd64.deb":
        "5c1c214484e57bcfaff4136e6cdbe4e8108776c7159ce7c9087218896a5eb12d",
}  # fmt: skip


def main() -> None:
    """Unpack the packages, once; say why where it cannot be done."""
    parts = (*PACKAGES.values(), *PODMAN.values())
    missing = bring(PLACE, hashlib.sha256("".join(parts).encode()).hexdigest(), fill)
    if missing:
        print(f"No dockerd for the tests: {missing}. Those that need it will be skipped.")


def fill(folder: Path, tree: Path) -> None:
    """Unpack Docker's packages into the tree, and Podman's beside them."""
    print("Fetching dockerd and podman for the tests (145 MB, once)", flush=True)
    for packages, place in ((PACKAGES, tree), (PODMAN, tree / "podman")):
        unpack({POOL + path: sha256 for path, sha256 in packages.items()}, folder, place)


if __name__ == "__main__":
    main()
