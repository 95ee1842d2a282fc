"""The columns of a table of text, taken apart: each distinct text is looked at once."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from htgeo.sources.texts import NULLS, cast_all, read_numbers, whole_number


class Columns:
    """The columns of a table, most often text.

    Parameters
    ----------
    table
        One row a row of the file; its index is the row number.

    Attributes
    ----------
    table
        The same, its index from 0.
    row
        Row number of each.
    unreadable
        Rows with a text where a number should be (bool).
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.row = table.index.to_numpy()
        self.table = table.reset_index(drop=True)
        self.unreadable = np.zeros(len(table), bool)
        self._texts: dict[str, tuple[np.ndarray, pd.Series]] = {}
        self._casts: dict[tuple[str, str], np.ndarray | None] = {}

    def each(self, columns: Sequence[str], judge: Callable[[pd.Series], pd.Series]) -> pd.Series:
        """Return ``judge(text)`` for every row of a column, working on its distinct texts only.

        Parameters
        ----------
        columns
            One column; or two, joined by a space, the second being 00:00:00 where missing.
        judge
            Gets stripped texts, missing where they say so in words, and returns a value for each.
        """
        codes, text = self._distinct(columns[0])
        for column in columns[1:]:
            more, clock = self._distinct(column)
            pairs, distinct = pd.factorize(codes * np.int64(len(clock)) + more)
            one, two = np.divmod(distinct, max(len(clock), 1))
            codes = pairs
            text = (
                text.take(one).reset_index(drop=True) + " " + clock.fillna("00:00:00").take(two).reset_index(drop=True)
            )
        return pd.Series(judge(text).array.take(codes))

    def _distinct(self, column: str) -> tuple[np.ndarray, pd.Series]:
        """Return the number of each row's text among the distinct ones, and these, stripped."""
        if column not in self._texts:
            values = self.table[column]
            if not pd.api.types.is_string_dtype(values):
                values = values.astype("string").astype("str")
            codes, distinct = pd.factorize(values, use_na_sentinel=False)
            text = pd.Series(distinct, dtype="str").str.strip()
            self._texts[column] = codes, text.mask(text.str.lower().isin(NULLS) | text.isna())
        return self._texts[column]

    def read_ahead(self, *, texts: Sequence[str], numbers: Mapping[str, str]) -> None:
        """Take columns apart on several threads.

        Parameters
        ----------
        texts
            Columns for `each`, `text`, `code` and `category`.
        numbers
            Columns for `number` (``"float64"``) and `key` (``"int64"``).
        """
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done in [pool.submit(self._cast, *number) for number in numbers.items()] + [
                pool.submit(self._distinct, column) for column in texts
            ]:
                done.result()

    def _cast(self, column: str, dtype: str) -> np.ndarray | None:
        """Return a column as numbers, None where one of its texts is none."""
        if (column, dtype) not in self._casts:
            self._casts[column, dtype] = cast_all(self.table[column], dtype)
        return self._casts[column, dtype]

    def text(self, column: str) -> pd.Series:
        """Return a column as stripped text, missing where it says so in words."""
        return self.each([column], lambda text: text)

    def code(self, column: str) -> pd.Series:
        """Return a column of whole-number codes as text: ``110.0`` becomes ``110``."""
        return self.each([column], whole_number)

    def category(self, column: str, judge: Callable[[pd.Series], pd.Series] = lambda text: text) -> pd.Series:
        """Return a column of few distinct texts as categories; see `each`."""
        codes, text = self._distinct(column)
        number, names = pd.factorize(judge(text))
        return pd.Series(pd.Categorical.from_codes(number[codes], names))

    def number(self, column: str, decimal: str = ".") -> np.ndarray:
        """Return a column as float64, NaN where missing or unreadable (noted in `unreadable`)."""
        values = self.table[column]
        if pd.api.types.is_numeric_dtype(values):
            return values.to_numpy(float)
        plain = self._cast(column, "float64") if decimal == "." else None
        if plain is not None:
            return np.asarray(plain, float)
        number = self.each([column], lambda text: read_numbers(text, decimal)).to_numpy(float)
        self.unreadable |= np.isnan(number) & self.each([column], pd.Series.notna).to_numpy()
        return number
