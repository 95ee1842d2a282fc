"""Takes the pictures of pages for docs/images/: ``python docs/make_screenshots.py [OUT] [SITE]``.

OUT is the output folder of ``htgeo demo`` (demo-output), SITE the built documentation (build/site). A page that asks for
anything beyond this machine ends it.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from make_gallery import small
from PIL import Image

IMAGES = Path(__file__).with_name("images")
VIEWS = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
}  # fmt: skip
LOCAL = (
    "file:",
    "data:",
    "blob:",
    "about:",
    "http://127.0.0.1",
    "ws://127.0.0.1",
    "http://localhost",
    "ws://localhost",
)
SETTLE = 2500
"""Milliseconds that a page gets to draw."""


@contextmanager
def explorer(out: Path) -> Iterator[str]:
    """Start the explorer of an output folder and give its address."""
    command = [str(Path(sys.executable).with_name("htgeo")), "serve", str(out), "--port", "0", "--no-show"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # our own command
        try:
            line = (server.stdout or BytesIO()).readline()  # "NAME: http://… (Ctrl+C ends it)"
            yield str(line).split(": ", 1)[1].split()[0]
        finally:
            server.terminate()


def take(browser: Any, name: str, url: str) -> None:
    """Take the pictures of one page: desktop, phone and dark."""
    for view, options in VIEWS.items():
        page = browser.new_page(**options)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        dark_by_address = view == "dark" and url.startswith("http")
        page.goto(f"{url}/?theme=dark" if dark_by_address else url, wait_until="load")
        page.wait_for_timeout(SETTLE)
        away = [address for address in asked if not address.startswith(LOCAL)]
        if away:
            message = f"{name} asks for {', '.join(away)}"
            raise SystemExit(message)
        with Image.open(BytesIO(page.screenshot())) as image:
            path = IMAGES / f"{name}-{view}.png"
            path.write_bytes(small(image.convert("RGB")))
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")  # noqa: T201  # a script says what it did
        page.close()


def main(out: Path, site: Path) -> None:
    """Take the pictures of the pages that are there, and name those that are not."""
    from playwright.sync_api import sync_playwright

    pages = {"map": out / "maps" / "risk.html", "report": out / "report.html", "docs": site / "index.html"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, path in pages.items():
            if path.exists():
                take(browser, name, path.resolve().as_uri())
            else:
                print(f"{name}: {path} is not there")  # noqa: T201  # a script says what it did
        if (out / "cube").exists():
            with explorer(out) as url:
                take(browser, "explorer", url)
        browser.close()


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main(*given, *[Path("demo-output"), Path("build/site")][len(given) :])
