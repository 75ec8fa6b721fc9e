"""Open every page of the built site in a browser, wide and narrow, light and dark.

    make docs && python docs/site/browse.py [--shots FOLDER] [--also FILE] [PAGE …]

A page fails that is wider than its window, misses a picture or cuts one, asks for what is not there
or not in the site, or reports an error of a script. Texts of drawings must be within them, and the
search must find something. The browser is Chromium or Chrome, as the system has it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, Error, Page, Request, Route, sync_playwright

SITE = Path(__file__).parents[2] / "build" / "site"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WIDTHS = {"wide": (1280, 900), "narrow": (360, 740)}
SCHEMES = ("light", "dark")
TOLERANCE = 1  # pixels: widths are rounded

PROBLEMS = """() => {
  const found = [];
  const page = document.documentElement;
  if (page.scrollWidth > window.innerWidth + TOLERANCE)
    found.push(`is ${page.scrollWidth} pixels wide in a window of ${window.innerWidth}`);
  for (const image of document.images) {
    if (!image.complete || image.naturalWidth === 0) found.push(`misses ${image.src}`);
    else if (image.getBoundingClientRect().right > window.innerWidth + TOLERANCE
             && !scrolls(image)) found.push(`cuts ${image.src}`);
  }
  for (const block of document.querySelectorAll('article table, article pre, article h1'))
    if (block.getBoundingClientRect().right > window.innerWidth + TOLERANCE && !scrolls(block))
      found.push(`cuts ${block.tagName}: ${block.textContent.trim().slice(0, 40)}`);
  return found;
  function scrolls(element) {
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX)) return true;
    return false;
  }
}""".replace("TOLERANCE", str(TOLERANCE))

TEXTS_OUTSIDE = """() => {
  const whole = document.documentElement.viewBox.baseVal;
  return [...document.querySelectorAll('text')].filter(text => {
    const box = text.getBBox();
    return box.x < whole.x || box.x + box.width > whole.x + whole.width
        || box.y < whole.y || box.y + box.height > whole.y + whole.height;
  }).map(text => `cuts the text: ${text.textContent}`);
}"""
SOUGHT = "cobweb"
SECONDS_OF_THE_SEARCH = 20


def main() -> int:
    """Look at the pages; 1 if one of them has a problem, 2 if there is nothing to look with."""
    parser = argparse.ArgumentParser(description="Open the built site in a browser.")
    parser.add_argument("pages", nargs="*", help="relative to build/site; default: all")
    parser.add_argument("--also", type=Path, help="another page, e.g. the report of a run")
    parser.add_argument("--shots", type=Path, help="keep a picture of every page in this folder")
    options = parser.parse_args()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    built = {*SITE.rglob("*.html"), *SITE.rglob("*.svg")} - {SITE / "404.html"}  # of a server
    pages = [SITE / name for name in options.pages] or sorted(built)
    pages += [options.also.resolve()] if options.also else []
    missing = [str(page) for page in pages if not page.exists()]
    if program is None or missing or not pages:
        needed = "a browser: install chromium or Chrome" if program is None else "make docs first"
        print(f"needs {needed}. {' '.join(missing)}", file=sys.stderr)
        return 2
    # Chromium's own fence needs rights that a container's root does not have; pages are ours.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        problems = [
            problem
            for size in WIDTHS
            for scheme in SCHEMES
            for problem in look(browser, pages, size, scheme, options.shots)
        ]
        problems += search(browser)
        browser.close()
    print("\n".join(problems))
    print(f"{len(pages)} pages, {len(WIDTHS) * len(SCHEMES)} views each: {len(problems)} problems")
    return 1 if problems else 0


def look(
    browser: Browser, pages: list[Path], size: str, scheme: Any, shots: Path | None
) -> list[str]:
    """Problems of all pages in a window of one size and one colour scheme."""
    width, height = WIDTHS[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, service_workers="block"
    )
    said: list[str] = []
    window = context.new_page()
    window.route("**/*", lambda route: answer(route, said))
    window.on("requestfailed", lambda request: said.extend(not_loaded(request)))
    window.on("pageerror", lambda error: said.append(f"script: {error}"))
    problems = []
    for page in pages:
        name = page.relative_to(SITE) if page.is_relative_to(SITE) else Path(page.name)
        said.clear()
        found = problems_of(window, page, scheme)
        problems += [f"{name} ({size}, {scheme}): {text}" for text in [*said, *found]]
        if shots is not None:
            shot = shots / f"{'_'.join(name.with_suffix('').parts)}_{size}_{scheme}.png"
            window.screenshot(path=shot, full_page=False)
    context.close()
    return problems


def not_loaded(request: Request) -> list[str]:
    """What is said of a request that failed; nothing where the next page was opened before it."""
    place = unquote(urlsplit(request.url).path)
    given_up = request.failure == "net::ERR_ABORTED" and Path(place).is_file()
    return [] if given_up else [f"could not load {request.url}: {request.failure}"]


def answer(route: Route, said: list[str]) -> None:
    """Let through what is on this disk."""
    if route.request.url.startswith(("file:", "data:", "blob:")):
        route.continue_()
    else:
        said.append(f"asks for {route.request.url}")
        route.abort()


def problems_of(window: Page, page: Path, scheme: str) -> list[str]:
    """Open one page; whether it is as wide as it may, whole, and in the colours asked for."""
    window.goto(page.as_uri())
    if page.suffix == ".svg":
        cut: list[str] = window.evaluate(TEXTS_OUTSIDE)
        return cut
    window.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    window.wait_for_function("[...document.images].every(image => image.complete)")
    found: list[str] = window.evaluate(PROBLEMS)
    wanted = {"light": "default", "dark": "slate"}[scheme]
    shown = window.evaluate("document.body.getAttribute('data-md-color-scheme')")
    if shown not in (wanted, None):  # None: a page of another kind
        found.append(f"is {shown} where {wanted} is asked for")
    return found


def search(browser: Browser) -> list[str]:
    """Whether somebody who looks for a market on the first page finds it."""
    window = browser.new_page()
    window.goto((SITE / "index.html").as_uri())
    try:
        window.get_by_role("textbox", name="Search").fill(SOUGHT, timeout=5000)
        window.wait_for_selector(
            f"a.md-search-result__link[href*='{SOUGHT}']", timeout=SECONDS_OF_THE_SEARCH * 1000
        )
    except Error as error:
        return [f"index.html: the search for {SOUGHT} finds nothing: {error.message}"]
    return []


if __name__ == "__main__":
    sys.exit(main())
