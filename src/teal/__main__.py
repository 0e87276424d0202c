"""``python -m teal``."""

from teal.cli.main import main

main()
