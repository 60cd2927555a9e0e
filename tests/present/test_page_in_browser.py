"""A page in Chromium with the network cut: what people see on a screen, a phone and paper, and with a keyboard alone.

`.ci/run` installs Chromium, its driver and axe-core; without them these tests are skipped.
"""

import base64
import re
from functools import cache
from itertools import cycle

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import leadscore as ls
from leadscore.datasets.company import PLANTED
from leadscore.present.page_html import html
from tests.support.chromium import AXE, chromium, requests, sized
from tests.support.hostile import NAMES
from tests.support.pages import FULL, harmless, with_texts

pytestmark = pytest.mark.slow

NAME = cycle(NAMES)
MADE_UP = {
    "full": FULL,
    "few": {**FULL, "sections": FULL["sections"][2:4], "main": FULL["main"][:1], "decide": []},
    "hostile": with_texts(FULL, lambda text: f"{next(NAME)} {text}"),
}
PAGES = [*MADE_UP, "65 MQLs", "465 MQLs", "change"]
FOCUSABLE = "a[href], summary, [tabindex='0']"


@cache
def page(name):
    """A page as plain data: made up, or of a made-up company that hands over about so many MQLs in four weeks."""
    if name in MADE_UP:
        return MADE_UP[name]
    company = ls.datasets.make_company(41_000 if name == "465 MQLs" else 5_800, random_state=2, planted=PLANTED)
    more = {"touches": company.touches, "costs": company.costs, "rulebook": company.rulebook}
    tables = ls.load_tables(company.leads, company.events, company.outcomes, **more)
    period = {"start": "2026-03-02", "end": "2026-03-29"}
    if name != "change":
        return ls.review(tables, company.rulebook, **period).to_dict()
    new = company.rulebook.edited({"qualify.threshold": 50, "qualify.minimum_fit": None})
    comparison = ls.compare(tables, company.rulebook, new, **period)
    return ls.meeting.change_page(comparison, accepted_within_days=7, lead_ids=True).to_dict()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page from a file, in a window so wide, in a scheme of colours."""

    def open_(data, width=1200, scheme="light"):
        file = tmp_path / "page.html"
        file.write_text(html(data), encoding="utf-8")
        sized(browser, width, scheme)
        browser.get(file.as_uri())
        return browser

    yield open_
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def counts(browser):
    """How many elements of each kind there are, but for labels of axes: how many of these have room depends on them."""
    tags = browser.execute_script("return [...document.querySelectorAll('*')].map(one => one.localName)")
    return {tag: tags.count(tag) for tag in tags if tag != "text"}


@pytest.mark.parametrize("name", PAGES)
def test_one_file_is_all_it_needs_and_the_console_stays_empty(opened, browser, name):
    requests(browser)
    assert len(html(page(name)).encode()) < 200_000
    opened(page(name))
    assert [address for address in requests(browser) if not address.startswith("file:")] == []
    assert browser.get_log("browser") == []
    assert page(name)["title"] in browser.title or name == "hostile"


def test_a_request_and_a_script_would_be_seen_and_are_refused(browser, tmp_path):
    file = tmp_path / "page.html"
    more = "<script>document.title = 'ran'</script><img src='https://example.com/x.png'>"
    file.write_text(html(FULL).replace("</main>", f"{more}</main>"), encoding="utf-8")
    browser.get(file.as_uri())
    refused = []

    def both_are_said(_):
        refused.extend(entry["message"] for entry in browser.get_log("browser"))
        return all(any(word in one for one in refused) for word in ("script", "example.com"))

    # A busy machine logs them after the page has loaded.
    WebDriverWait(browser, 20).until(both_are_said)
    assert browser.title == FULL["title"]


def test_hostile_names_yield_no_element(opened):
    found = counts(opened(page("hostile")))
    assert found == counts(opened(harmless(page("hostile"))))
    assert not {"script", "img", "i", "b"} & set(found)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1200, 720, 390, 320])
def test_the_page_never_scrolls_sideways(opened, name, width):
    browser = opened(page(name), width)
    open_folds(browser)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def open_folds(browser):
    browser.execute_script("document.querySelectorAll('details').forEach(one => one.open = true)")


@pytest.mark.parametrize("name", [name for name in PAGES if name != "hostile"])
@pytest.mark.parametrize("width", [1200, 390])
def test_no_text_of_a_picture_is_cut_off_or_lies_over_another(opened, name, width):
    boxes = opened(page(name), width).execute_script(
        "return [...document.querySelectorAll('svg')].map(svg => [svg, ...svg.querySelectorAll('text')].map(one => {"
        "const box = one.getBoundingClientRect(); return [one.textContent, box.left, box.top, box.right, box.bottom]}))"
    )
    assert boxes
    for (_, left, top, right, bottom), *texts in boxes:
        for text in texts:
            assert left - 1 <= text[1] <= text[3] <= right + 1, text
            assert top - 3 <= text[2] <= text[4] <= bottom + 3, text
        assert [
            (one[0], other[0]) for place, one in enumerate(texts) for other in texts[:place] if over(one, other)
        ] == []


def over(one, other):
    """Whether two texts cover each other by more than the room that letters leave."""
    across = min(one[3], other[3]) - max(one[1], other[1])
    down = min(one[4], other[4]) - max(one[2], other[2])
    return across > 0 and down > 4


@pytest.mark.parametrize("name", [name for name in PAGES if name != "hostile"])
def test_it_prints_on_four_pages(opened, name):
    assert printed(opened(page(name))) <= 4


def test_more_pages_would_be_counted(opened):
    assert printed(opened({**FULL, "sections": 2 * FULL["sections"]})) > 4


def printed(browser):
    """How many pages of A4 it takes."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    file = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    return len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(file["data"])))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_axe_finds_nothing_serious(opened, name, scheme, width):
    assert faults(opened(page(name), width, scheme)) == []


def test_axe_would_find_what_is_serious(opened):
    browser = opened(FULL)
    browser.execute_script("document.documentElement.lang = ''; document.querySelector('h1').style.color = '#bbb'")
    assert {"html-has-lang", "color-contrast"} <= {fault for fault, _ in faults(browser)}


def faults(browser):
    """What axe-core calls serious or critical, with where."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm install --prefix build/axe axe-core")
    open_folds(browser)
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    serious = (fault for fault in found["violations"] if fault["impact"] in {"serious", "critical"})
    return [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in serious]


def test_a_keyboard_reaches_all_in_the_order_of_reading(opened):
    browser = opened(FULL)
    open_folds(browser)
    there = browser.execute_script(f'return document.querySelectorAll("{FOCUSABLE}").length')
    assert there > 20
    reached = []
    for _ in range(there):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        place, outline = browser.execute_script(
            f'const one = document.activeElement; return [[...document.querySelectorAll("{FOCUSABLE}")].indexOf(one),'
            "getComputedStyle(one).outlineStyle]"
        )
        reached.append(place)
        assert outline != "none"
    assert reached == [*range(there)]


def test_the_first_key_skips_to_the_main_points_and_enter_opens_a_fold(opened):
    browser = opened(FULL)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to the main points"
    assert skip.location["x"] >= 0
    skip.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"
    fold = browser.find_element("css selector", "summary")
    fold.send_keys(Keys.ENTER)
    assert browser.find_element("css selector", "details").get_attribute("open") is not None
