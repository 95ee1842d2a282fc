"""netCDF: one file of arrays."""

from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from htgeo.core.errors import InputError
from htgeo.export.base import Writer
from htgeo.export.exchange import TIME, frame, in_equal_blocks, variable_attrs
from htgeo.export.product import Product

if TYPE_CHECKING:
    import h5netcdf

CHUNK_DAYS = 182
DEFLATE_LEVEL = 4


@dataclass(frozen=True)
class NetCdf(Writer):
    """netCDF-4 with CF attributes and ids of cells as whole numbers, for whatever reads netCDF-4.

    ``xarray.open_dataset(path).dggs.decode()`` gives the H3 index back where xdggs is installed.
    """

    name: ClassVar[str] = "nc"
    summary: ClassVar[str] = "netCDF-4: cube (cell, time) with CF and DGGS attributes, compressed"

    def write(self, product: Product, path: Path) -> None:
        """Write coordinates and attributes, then the variables block by block, each block whole chunks."""
        try:
            import h5netcdf
        except ImportError as error:
            message = (
                "netCDF files need h5netcdf: pip install 'htgeo[netcdf]'; or choose .zarr, which needs nothing more"
            )
            raise InputError(message) from error
        product, size = in_equal_blocks(product)
        coords = frame(product)
        times = {name: TIME for name in ("time", "time_bnds") if name in coords.coords}
        beside = " ".join(str(name) for name in coords.coords if name not in (*times, product.space))
        with _Patient(path, "w+") as disk:
            coords.to_netcdf(disk, engine="h5netcdf", encoding=times)
            disk.check()
            with h5netcdf.File(disk, "a") as file:
                for name in product.variables:
                    _create(file, product, name, size).attrs["coordinates"] = beside
                for block, places in product.computed():
                    disk.check()
                    for name in product.variables:
                        variable = file.variables[name]
                        variable[places[0] : places[-1] + 1] = block[name].values.astype(variable.dtype)
            disk.check()


class _Patient(FileIO):
    """A file that tells of a full disk when asked: HDF5 ends the whole process where it cannot write while it closes."""

    fault: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of it, or nothing after the first fault."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while len(rest) and self.fault is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.fault = error
        return size

    def truncate(self, size: int | None = None) -> int:
        """Set the length, unless there was a fault."""
        try:
            return super().truncate(size) if self.fault is None else 0
        except OSError as error:
            self.fault = error
            return 0

    def readinto(self, buffer: Any) -> int:
        """Read all of it, with zeros for what is not there."""
        rest = memoryview(buffer).cast("B")
        size = len(rest)
        while len(rest) and (read := super().readinto(rest)):
            rest = rest[read:]
        rest[:] = bytes(len(rest))
        return size

    def check(self) -> None:
        """Raise the fault there was, if any."""
        if self.fault is not None:
            raise self.fault


def _create(file: "h5netcdf.File", product: Product, name: str, size: int) -> Any:
    """Make an empty variable with its attributes and return it."""
    data = product.cube[name]
    truth = data.dtype == bool  # netCDF has no such type
    missing = np.float32(np.nan) if data.dtype.kind == "f" else None
    chunks = tuple(min(n, size if dim == product.space else CHUNK_DAYS) for dim, n in data.sizes.items())
    made: Any = file.create_variable(
        name,
        tuple(map(str, data.dims)),
        np.dtype(np.int8) if truth else data.dtype,
        fillvalue=missing,
        chunks=chunks,
        compression="gzip",
        compression_opts=DEFLATE_LEVEL,
        shuffle=True,
    )
    for key, value in {**variable_attrs(product, name), **({"dtype": "bool"} if truth else {})}.items():
        made.attrs[key] = value
    return made
