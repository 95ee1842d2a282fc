"""``python -m htgeo``."""

from htgeo.cli.main import main

main()
