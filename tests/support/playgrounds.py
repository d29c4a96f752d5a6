"""The playground as a process of its own, and a browser to look at it with."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from tests.support.http_servers import MAIN

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
# Those of a system; without one, the browser that Playwright fetched.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def playground(agents: Path, *options: str) -> Iterator[str]:
    """Start it on the ko-en base of this repository, in a folder of agents.

    Yields:
        The address of its page; requests are answered.
    """
    command = [sys.executable, "-c", MAIN, "playground", str(agents), "--no-browser", *options]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, encoding="utf-8")
    lines: list[str] = []
    try:
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"The playground is at (\S+)", line):
                break
        else:
            raise AssertionError(f"it did not start: {''.join(lines)}")
        # What else it says must not fill the pipe.
        threading.Thread(target=lines.extend, args=(process.stderr,), daemon=True).start()
        _wait_for(found[1].partition("/playground")[0])
        yield found[1]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _wait_for(address: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with urlopen(f"{address}/livez", timeout=60):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium.

    Raises:
        ImportError: Playwright is not installed.
        playwright.sync_api.Error: There is no browser.
    """
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
