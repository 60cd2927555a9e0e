"""The threshold workbench: how long each answer takes, and whether it is right.

    python benchmarks/explore.py [--times 5] [--funnels 40]

Answers for one bar are held against a replay of that bar and a count of outcomes, which are its peers: the seconds that
each takes, the leads that differ, and over made-up funnels with the truth planted how far the shares are off. With
Chromium and its driver, key presses on the page are timed too, from the key to the picture that was drawn.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import leadscore as ls

END = "2026-03-29"
GOAL = {"stage": "opportunity", "within_days": 45}
PRESS = """
const slider = document.querySelector("input[aria-label='All others']"), done = arguments[0];
const root = document.querySelector(".lw");
const began = performance.now();
new MutationObserver((_, seen) => {
  seen.disconnect();
  requestAnimationFrame(() => done(performance.now() - began));
}).observe(root, { attributes: true, attributeFilter: ["data-drawn"] });
slider.focus();
slider.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true, composed: true }));
"""


def timed(call, times=1):
    """The median of CPU and wall seconds, and what came out."""
    cpus, walls = [], []
    for _ in range(times):
        cpu, wall = time.process_time(), time.perf_counter()
        found = call()
        cpus.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
    return statistics.median(cpus), statistics.median(walls), found


def lists(found):
    """All that the kernel is asked for after a move."""
    return found.entered, found.left, found.by("source"), found.diff, found.findings


def presses(page):
    """Milliseconds from a key to the picture, in Chromium."""
    from selenium import webdriver  # noqa: PLC0415 - only where a browser is

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.get(page.as_uri())
        return [driver.execute_async_script(PRESS) for _ in range(15)]
    finally:
        driver.quit()


def measured(n_leads, times):
    """A row for a funnel of so many leads."""
    made = ls.datasets.make_funnel(n_leads, random_state=7)
    book = made.rulebook
    tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=book, columns=["source"])

    def opened():
        return ls.explore(tables, book, end=END, capacity_per_week=150, by="source", **GOAL)

    opening, _, workbench = timed(opened, times)
    bar, _, tried = timed(lambda: workbench.at(threshold=52), times)
    listing, _, _ = timed(lambda: lists(workbench.at(threshold=52)), times)
    places = iter(range(11, 11 + times))
    points, _, _ = timed(
        lambda: lists(workbench.at(threshold=52, rules={"Pricing page": {"points": next(places)}})), times
    )
    changed = book.edited({"qualify.threshold": 52})
    replaying, _, history = timed(lambda: ls.replay(tables, changed, start="2025-12-29", end=END), times)
    wrong = int(np.abs(history.weekly()["qualified"].to_numpy() - tried.weekly["tried"].to_numpy()).sum())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "threshold.html"
        kilobytes = len(workbench.to_html(page).encode()) / 1000
        pressed = presses(page) if shutil.which("chromium") and shutil.which("chromedriver") else []
    key = f"{statistics.median(pressed):.0f} / {max(pressed):.0f}" if pressed else "no Chromium"
    seconds = [f"{value:.2f}" for value in (opening, bar, replaying, listing, points)]
    print("| " + " | ".join([f"{n_leads:,}", *seconds, str(wrong), f"{kilobytes:.0f}", key]) + " |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--funnels", type=int, default=40)
    given = parser.parse_args()
    heads = ["leads", "open", "one bar", "replay of it", "with its lists", "points moved, with lists"]
    heads += ["leads that differ", "page, kB", "key to picture, ms, median / worst"]
    print(f"| {' | '.join(heads)} |\n" + "| --- " * len(heads) + "|")
    for n_leads in (20_000, 100_000):
        measured(n_leads, given.times)
    print(f"\n| bar | planted | workbench | counted plainly | intervals that hold it, of {given.funnels} |")
    print("| --- " * 5 + "|")
    truth(given.funnels)


def truth(funnels):
    """Shares against what was planted, over made-up funnels."""
    from tests.threshold.workbench.test_evidence import planted  # noqa: PLC0415 - the test's own truth

    found = np.array([planted(seed) for seed in range(funnels)], float)
    bars, value, low, high, counted, chance, reached, expected = np.moveaxis(found, 2, 0)
    factor = reached[:, 0].sum() / expected[:, 0].sum()
    for place in range(bars.shape[1]):
        true = chance[:, place] * factor
        held = ((low[:, place] <= true) & (true <= high[:, place])).sum()
        print(
            f"| {bars[0, place]:.0f} | {true.mean():.1%} | {value[:, place].mean():.1%} "
            f"| {counted[:, place].mean():.1%} | {held} |"
        )


if __name__ == "__main__":
    main()
