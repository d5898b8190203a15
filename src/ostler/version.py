"""Which Ostler this is; apart from the package, so that asking for it imports nothing else."""

__version__ = "0.1.0"
