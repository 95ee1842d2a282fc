"""Time of a fresh interpreter: `import htgeo` and `htgeo --help` against `import xarray`."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from harness import Bench, Row, seconds

COMMANDS = {
    "xarray": [sys.executable, "-c", "import xarray"],
    "import": [sys.executable, "-c", "import htgeo"],
    "help": [str(Path(sys.executable).with_name("htgeo")), "--help"],
}


def rows(bench: Bench) -> Iterator[Row]:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(bench.size(25, 1)):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - start)
    took = {name: statistics.median(values) for name, values in times.items()}
    for work, name, must in (("`import htgeo`", "import", 1.2), ("`htgeo --help`", "help", 1.5)):
        peer = f"`import xarray`: {seconds(took['xarray'])}"
        yield Row(work, seconds(took[name]), peer, took[name] / took["xarray"], must, at_most=True)
