"""`python -m ostler` and the command `ostler`."""

from ostler.faces.cli.app import main

if __name__ == "__main__":
    main()
