"""Find a Chromium for the browser tests, or install one.

The order: the `CHROMIUM` variable, a chromium or chrome of the system, Playwright's own; with `--install`, then Debian's
package when we are root, else Playwright's download.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-site-isolation-trials",
    "--renderer-process-limit=1",
]
_SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_browser() -> str | None:
    """Path of an executable, or None."""
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise SystemExit(f"CHROMIUM is {named!r}, which is no executable; correct it or unset it")
        return found
    for name in _SYSTEM_NAMES:
        found = shutil.which(name)
        if found:
            return found
    return _playwrights_own()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def install_browser() -> str:
    """Install a browser and return its path; exits with a sentence when that cannot be done."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment, stdin=subprocess.DEVNULL)
        packages = ["chromium", "fonts-dejavu-core"]
        subprocess.run(["apt-get", "install", "-y", "-qq", *packages], check=True, env=environment, stdin=subprocess.DEVNULL)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True, stdin=subprocess.DEVNULL)
    found = find_browser()
    if found is None:
        raise SystemExit("no browser could be installed; install chromium and name it in the variable CHROMIUM")
    return found


if __name__ == "__main__":
    browser = find_browser()
    if browser is None and "--install" in sys.argv:
        browser = install_browser()
    sys.stdout.write(f"browser for the tests: {browser}\n")
    sys.exit(browser is None)
