"""Schema changes while two releases write: see ``python -m proof.migrations --help``."""
