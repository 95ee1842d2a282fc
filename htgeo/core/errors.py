"""The errors htgeo raises: few, each also a built-in type."""


class HtgeoError(Exception):
    """Any error that htgeo raises on purpose."""


class InputError(HtgeoError, ValueError):
    """A file, a column or a value that cannot be used."""


class SettingsError(HtgeoError, ValueError):
    """A study file with an unknown key, a wrong type or a missing file."""


class UnknownNameError(HtgeoError, LookupError):
    """A name that nothing is registered under."""


class CubeError(HtgeoError, ValueError):
    """A dataset that is not a cube, or lacks what a call needs."""


class LookAheadError(HtgeoError, ValueError):
    """A feature that uses what was not known on its day."""


class RowsWarning(UserWarning):
    """Many rows of a file cannot be used."""


class PrecisionWarning(UserWarning):
    """Events are placed more coarsely than their file knows."""


class StoreError(HtgeoError, OSError):
    """A store that cannot be opened or written."""
