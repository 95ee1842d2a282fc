"""Who may look at what: the stores that can be opened, and who can reach the explorer."""

import hmac
import os
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from htgeo.core.errors import InputError, StoreError
from htgeo.cube.repository import is_remote

LOOPBACK = "127.0.0.1"
TOKEN_VARIABLE, PASSWORD_VARIABLE = "HTGEO_TOKEN", "HTGEO_PASSWORD"
LEAST_SECRET = 8
STORE_PARTS = ("refs", "snapshots")
"""Folders that every store has."""


@dataclass(frozen=True)
class Access:
    """Who can reach the explorer.

    Attributes
    ----------
    address
        Address to listen on; this machine alone by default.
    port
        Port; 0 takes a free one.
    secret
        Password or token, empty for none; never shown.
    hosts
        Names and addresses by which browsers may call this machine, besides its own; a page of another name that leads
        here is refused.

    Raises
    ------
    InputError
        If others could reach it without a password or a token, or the port is none.

    Examples
    --------
    >>> from htgeo.explorer.security import Access
    >>> Access().address
    '127.0.0.1'
    """

    address: str = LOOPBACK
    port: int = 5006
    secret: str = field(default="", repr=False)
    hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:  # noqa: PLR2004  # the highest port there is
            message = f"--port must be a number from 0 (any free one) to 65535, not {self.port}"
            raise InputError(message)
        if not self.secret and (self.hosts or not _is_loopback(self.address)):
            option = f"--host {self.hosts[0]}" if self.hosts else f"--address {self.address}"
            message = f"{option} lets other machines in, so it needs a password or a token: set the environment variable {PASSWORD_VARIABLE} or {TOKEN_VARIABLE} (or give --password or --token); without it only this machine can look"
            raise InputError(message)
        if self.secret and len(self.secret) < LEAST_SECRET:
            message = f"the password or token needs at least {LEAST_SECRET} characters; python -c 'import secrets; print(secrets.token_urlsafe())' makes a good one"
            raise InputError(message)
        if _is_any(self.address) and not self.hosts:
            message = f"--address {self.address} listens on every address of this machine: name the one that browsers will use with --host, such as --host {socket.gethostname()}"
            raise InputError(message)

    def allowed(self, port: int) -> list[str]:
        """Return the hosts that a request may be for, as browsers name them, the best one first."""
        own = [self.address] * (not _is_any(self.address))
        called = [one for name in self.hosts for one in (_with_port(name, port), name.lower())]
        return list(
            dict.fromkeys(
                [
                    *(_with_port(name, port) for name in own),
                    *called,
                    *(_with_port(n, port) for n in (LOOPBACK, "localhost")),
                ]
            )
        )

    def opens(self, given: str) -> bool:
        """Return whether a text is the secret, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(given.encode(), self.secret.encode())


def read_access(*, address: str, port: int, password: str | None, token: str | None, hosts: list[str]) -> Access:
    """Return the access that options and environment ask for.

    Raises
    ------
    InputError
        If both a password and a token are given, or what they allow is not safe.
    """
    if password and token:
        message = "give a password or a token, not both"
        raise InputError(message)
    return Access(address=address, port=port, secret=password or token or "", hosts=tuple(hosts))


def find_stores(path: str | Path) -> dict[str, str]:
    """Return the stores at a path by name; nothing else can be opened later.

    Parameters
    ----------
    path
        A store, the output folder of a study, a folder that holds several of either, or ``s3://bucket/prefix``.

    Returns
    -------
    dict of str
        Path by name, sorted; the second of a name is called by its folders. A link that leads out of the folder is left out.

    Raises
    ------
    StoreError
        If there is no store.

    Examples
    --------
    >>> import htgeo as ht
    >>> commit = ht.save_cube(ht.demo_cube(), "out/cube")
    >>> from htgeo.explorer.security import find_stores
    >>> list(find_stores("out"))
    ['out']
    """
    if is_remote(path):
        return {str(path): str(path)}
    root = Path(path).resolve()
    if not root.is_dir():
        message = f"{str(path)!r} is no folder; give a store, the output folder of a study, or a folder that holds some"
        raise StoreError(message)
    own = root.parent.name if root.name == "cube" else root.name
    candidates = [(own, root), (own, root / "cube")]
    for folder in sorted(root.iterdir()):
        candidates += [(folder.name, folder), (folder.name, folder / "cube")]
    found: dict[str, str] = {}
    for name, place in candidates:
        if _is_store(place) and _inside(place, root) and str(place) not in found.values():
            found[name if name not in found else place.relative_to(root.parent).as_posix()] = str(place)
    if not found:
        message = f"{str(path)!r} holds no store; write one with htgeo.save_cube(cube, path) or htgeo run study.yaml"
        raise StoreError(message)
    return dict(sorted(found.items()))


def check_store(path: str) -> str:
    """Return the path of a store again, or raise where something in it is a link: it could lead anywhere.

    Raises
    ------
    StoreError
        If a file or a folder of the store is a link.
    """
    link = None if is_remote(path) else _link_in(path)
    if link is not None:
        message = f"the store {path!r} has a link in it ({link!r}), which could lead to any file; replace it by what it leads to"
        raise StoreError(message)
    return path


def _link_in(folder: str) -> str | None:
    """Return the first link in a folder and those in it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                return entry.name
            found = _link_in(entry.path) if entry.is_dir(follow_symlinks=False) else None
            if found is not None:
                return found
    return None


def _is_store(folder: Path) -> bool:
    return all((folder / part).is_dir() for part in STORE_PARTS)


def _inside(folder: Path, root: Path) -> bool:
    return folder.resolve().is_relative_to(root)


def _with_port(name: str, port: int) -> str:
    return f"[{name}]:{port}" if ":" in name else f"{name.lower()}:{port}"


def _is_any(address: str) -> bool:
    return address in ("", "0.0.0.0", "::")  # noqa: S104  # compared, not bound


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
