"""Screenshots of every page, light and dark, wide and narrow, into shots/: `python -m tests.browser.shots`."""

from __future__ import annotations

import sys

from .server import ROOT, fresh_browser, running_app, settle

PAGES = {"compare": "/", "compare-class": "/?data=shapes&colour=class&m=60"}
WIDTHS = (1440, 420)


def main() -> None:
    """Write one PNG per page, theme and width."""
    folder = ROOT / "shots"
    folder.mkdir(exist_ok=True)
    with running_app() as address:
        for theme in ("light", "dark"):
            for width in WIDTHS:
                with fresh_browser(viewport={"width": width, "height": 1000}, color_scheme=theme) as browser:
                    page = browser.new_page()
                    for name, path in PAGES.items():
                        page.goto(address + path)
                        page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000)
                        settle(page)
                        page.wait_for_timeout(1500)
                        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
                        page.set_viewport_size({"width": width, "height": min(int(height) + 20, 6000)})
                        page.wait_for_timeout(1500)
                        target = folder / f"{name}-{theme}-{width}.png"
                        page.screenshot(path=target)
                        page.set_viewport_size({"width": width, "height": 1000})
                        sys.stdout.write(f"{target.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
