"""What may leave the house: releases of counts, their ledger, and the attack on them."""

from htgeo.disclosure.attack import attack
from htgeo.disclosure.ledger import read_ledger
from htgeo.disclosure.noise import Noise
from htgeo.disclosure.public import check_public, public_view, release_view
from htgeo.disclosure.release import release
from htgeo.disclosure.tables import read_release, release_table, write_release

__all__ = [
    "Noise",
    "attack",
    "check_public",
    "public_view",
    "read_ledger",
    "read_release",
    "release",
    "release_table",
    "release_view",
    "write_release",
]
