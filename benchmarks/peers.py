"""Makes the environment of the peers whose pins clash with those of htgeo: mlforecast wants pandas below 3."""

import subprocess
import sys

from harness import PEERS


def make_peers() -> None:
    if not PEERS.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS.parents[1])], check=True)
        subprocess.run([str(PEERS), "-m", "pip", "install", "--quiet", "mlforecast"], check=True)


if __name__ == "__main__":
    make_peers()
