"""Build the project's tiny models, or check those that are there."""

import argparse
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
DEFAULT_OUTPUT = FOLDER.parent.parent / "src/ostler/testing/models"


def main() -> None:
    """Build all models, or check them; only what that one task needs is imported."""
    parser = argparse.ArgumentParser(prog="tools/tiny_models", description=__doc__)
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="default: %(default)s")
    parser.add_argument("--check", action="store_true", help="build nothing: ask the models there")
    args = parser.parse_args()
    # Python run on a folder looks for modules in it; as a package they cannot shadow others.
    sys.path[0] = str(FOLDER.parent)
    if args.check:
        from tiny_models.check import check

        check(args.output)
    else:
        from tiny_models.hub import build

        build(args.output)


if __name__ == "__main__":
    main()
