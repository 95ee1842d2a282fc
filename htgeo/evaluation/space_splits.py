"""Splits in space: parent cells or areas held out."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from htgeo.core.errors import CubeError, InputError
from htgeo.cube.near import disk_of
from htgeo.cube.schema import CELL, check_cube, require_cells, space
from htgeo.evaluation.bootstrap import check_seed
from htgeo.evaluation.folds import Fold, place_names
from htgeo.grid.cells import parents as parents_of
from htgeo.grid.neighbors import MAX_RINGS


def spatial_blocks(cube: xr.Dataset, *, parents: int = 6, folds: int = 5, seed: int = 0, buffer: int = 0) -> list[Fold]:
    """Return folds that each hold out whole parent cells, so that tested cells are no neighbours of trained ones.

    Parents are drawn in random order, each into the fold with the fewest cells so far; every cell is tested once. All
    days are in both parts: what is measured is transfer to other places, not to later days (see `cross_blocks`).

    Parameters
    ----------
    cube
        A cube of cells. Nothing is computed.
    parents
        H3 resolution of the parent cells, coarser than the cube.
    folds
        Number of folds, at least 2 and at most the number of parents.
    seed
        Seed of the draw.
    buffer
        Rings of cells around the tested cells that are not trained on: features of rings see their neighbours.

    Returns
    -------
    list of Fold

    Raises
    ------
    CubeError
        If the places of the cube are areas.
    InputError
        If the resolution or the number of folds does not fit, or the buffer leaves nothing to train on.

    References
    ----------
    Roberts et al. (2017), Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
    structure.

    Examples
    --------
    >>> import htgeo as ht
    >>> cube = ht.demo_cube()
    >>> folds = ht.spatial_blocks(cube, parents=5, folds=3)
    >>> sum(fold.test(cube).sizes["cell"] for fold in folds) == cube.sizes["cell"]
    True
    """
    check_cube(cube)
    require_cells(cube, "a split by parent cells")
    check_seed(seed)
    level = int(cube[CELL].attrs["level"])
    if not isinstance(parents, int) or not 0 <= parents < level:
        message = (
            f"parents must be a resolution from 0 to {level - 1}, coarser than the {level} of the cube, not {parents!r}"
        )
        raise InputError(message)
    blocks, block = np.unique(parents_of(cube[CELL].values, parents), return_inverse=True)
    if not isinstance(folds, int) or not 2 <= folds <= len(blocks):  # noqa: PLR2004  # to train and to test
        message = f"folds must be at least 2 and at most the {len(blocks)} parent cells at resolution {parents}, not {folds!r}; finer parents allow more"
        raise InputError(message)
    sizes, filled = np.bincount(block), np.zeros(folds, int)
    fold_of = np.zeros(len(blocks), int)
    for drawn in np.random.default_rng(seed).permutation(len(blocks)):
        fold_of[drawn] = filled.argmin()
        filled[filled.argmin()] += sizes[drawn]
    return list(_held_out(cube, {f"block {n + 1}": fold_of[block] == n for n in range(folds)}, buffer))


def leave_one_out(cube: xr.Dataset, *, by: str = "borough", buffer: int = 0) -> list[Fold]:
    """Return one fold for each area of a layer: trained on all others, tested on it.

    Parameters
    ----------
    cube
        A cube of cells or of areas. Nothing is computed.
    by
        A region layer or another coordinate of the places with the same text for those held out together. Places with
        empty text lie in no area: they are trained on and never tested.
    buffer
        Rings of cells around the tested ones that are not trained on; in a cube of areas, rings of neighbours.

    Returns
    -------
    list of Fold
        Each named by its area.

    Raises
    ------
    CubeError
        If the cube has no such coordinate of its places.
    InputError
        If it names fewer than two areas, or the buffer leaves nothing to train on.

    Examples
    --------
    >>> import htgeo as ht
    >>> [fold.name for fold in ht.leave_one_out(ht.demo_cube(), by="borough")]
    ['Bronx', 'Brooklyn', 'Manhattan', 'Queens', 'Staten Island']
    """
    check_cube(cube)
    dim = space(cube)
    texts = [str(n) for n, c in cube.coords.items() if c.dims == (dim,) and c.dtype.kind in "UOT"]
    if by not in texts:
        message = f"the places of the cube have no text coordinate {by!r} to leave out by; they have {', '.join(texts) or 'none'}: grid the events with that layer, htgeo.make_grid(…, layers=[region])"
        raise CubeError(message)
    area = cube[by].values.astype(str)
    names = sorted(set(area.tolist()) - {""})
    if len(names) < 2:  # noqa: PLR2004  # to train and to test
        message = f"{by!r} names {len(names)} area ({', '.join(names) or 'none'}); to leave one out takes two"
        raise InputError(message)
    return list(_held_out(cube, {name: area == name for name in names}, buffer))


def _held_out(cube: xr.Dataset, tested: dict[str, np.ndarray], buffer: int) -> Iterator[Fold]:
    """Yield a fold for each set of tested places, trained on all others but for those around."""
    if isinstance(buffer, bool) or not isinstance(buffer, int) or not 0 <= buffer <= MAX_RINGS:
        message = f"buffer must be 0 to {MAX_RINGS} rings of cells, not {buffer!r}"
        raise InputError(message)
    names = place_names(cube)
    near = disk_of(cube, buffer, 1.0) if buffer else None
    for name, test in tested.items():
        train = ~test if near is None else near @ test.astype(np.float32) == 0
        if not train.any():
            message = f"a buffer of {buffer} rings around {name!r} leaves nothing to train on; give a smaller buffer, or more and smaller parts"
            raise InputError(message)
        yield Fold(name, train_cells=tuple(names[train].tolist()), test_cells=tuple(names[test].tolist()))
