"""Rolling sums by mlforecast, run by the interpreter of `build/peers-venv`; see `rolling.py`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness import load

DAYS = (7, 28, 91, 365)


def mlforecast(folder: Path) -> Callable[[], dict[str, np.ndarray]]:
    """Four rolling means of the series lagged by a day, and the lag itself, which is the sum over one day."""
    import pandas as pd
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    (values,) = load(folder, "counts")
    cells, length = values.shape
    day = np.tile(np.arange(length), cells)
    table = pd.DataFrame({"unique_id": np.repeat(np.arange(cells), length), "ds": day, "y": values.ravel()})
    means = [RollingMean(window_size=days) for days in DAYS]

    def work() -> dict[str, np.ndarray]:
        forecast = MLForecast(models=[], freq=1, lags=[1], lag_transforms={1: means}, num_threads=2)
        made = forecast.preprocess(table, dropna=False)
        found = {f"sum_{days}": made[f"rolling_mean_lag1_window_size{days}"].to_numpy() * days for days in DAYS}
        found["sum_1"] = made["lag1"].to_numpy()
        return {name: sums.reshape(values.shape) for name, sums in found.items()}

    return work
