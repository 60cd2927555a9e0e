"""A page as HTML and Markdown: whatever its texts hold they read as they stand, and all figures are there in words."""

import json
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from leadscore.present.page_html import html
from leadscore.present.page_markdown import markdown
from leadscore.present.picture_words import in_words
from leadscore.present.svg import svg
from tests.support.hostile import UNSEEN, names, parsed
from tests.support.pages import FULL, as_read, harmless, pages, texts_of

hostile_pages = pages(names.filter(str.split))
PICTURES = {section["id"]: section["picture"] for section in FULL["sections"] if section["picture"]}
TAGS = re.findall(
    r"\w+",
    "html head meta title style body a main header h1 h2 p div ol ul li span strong section figure figcaption details "
    "summary table caption thead tbody tr th td footer svg desc line rect circle polyline text",
)
BLOCKS = {
    "bullet_list",
    "ordered_list",
    "list_item",
    "paragraph",
    "heading",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}


def changed(page, *path_and_value):
    """A copy of the full page with one thing set otherwise."""
    *path, key, value = path_and_value
    copy = json.loads(json.dumps(page))
    part = copy
    for step in path:
        part = part[step]
    part[key] = value
    return copy


@given(hostile_pages)
def test_hostile_texts_make_no_element(page):
    data = page.to_dict()
    found, twin = parsed(html(data)), parsed(html(harmless(data)))
    # How many labels of an axis have room depends on how wide they are.
    assert [tag for tag in found.tags if tag != "text"] == [tag for tag in twin.tags if tag != "text"]
    assert set(found.tags) <= {"!doctype html", *TAGS}
    assert set(found.attributes) == set(twin.attributes)
    assert not {name for _, name in found.attributes if name.startswith("on") or name in {"src", "style", "srcdoc"}}
    assert not (UNSEEN - {"\n"}) & set("".join(found.text))


@given(hostile_pages)
def test_all_texts_are_read_in_html(page):
    read = " ".join("".join(parsed(html(page.to_dict())).text).split())
    assert [text for text in texts_of(page.to_dict()) if as_read(text) not in read] == []


@given(hostile_pages)
def test_all_texts_are_read_in_markdown_and_make_nothing_else(page):
    data = page.to_dict()
    tokens, twin = (
        MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(markdown(one)) for one in (data, harmless(data))
    )
    assert [token.type for token in tokens] == [token.type for token in twin]
    assert {re.sub("_(open|close)$", "", token.type) for token in tokens} <= BLOCKS | {"inline", "hr"}
    inner = [child for token in tokens for child in token.children or ()]
    assert {re.sub("_(open|close)$", "", child.type) for child in inner} <= {"text", "text_special", "strong", "em"}
    lines = ["".join(child.content for child in token.children) for token in tokens if token.type == "inline"]
    read = " ".join(" ".join(lines).split())
    assert [text for text in texts_of(data) if as_read(text) not in read] == []


@given(pages(names))
def test_the_same_page_gives_the_same_bytes_from_its_json_too(page):
    data = json.loads(page.to_json())
    assert html(data) == page.to_html()
    assert markdown(data) == page.to_markdown()


# All that `str.isprintable` takes: neither control characters nor separators but the space.
@given(pages(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=60)))
def test_pictures_stay_inside_their_frame(page):
    drawn = [section["picture"] for section in page.to_dict()["sections"] if section["picture"]]
    for picture in drawn:
        text = str(svg(picture, "k"))
        width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', text).groups())
        across = re.findall(r' (?:x|x1|x2|cx)="([^"]+)"', text) + re.findall(
            r"([\d.e+-]+),[\d.e+-]+", " ".join(re.findall(r' points="([^"]*)"', text))
        )
        down = re.findall(r' (?:y|y1|y2|cy)="([^"]+)"', text)
        assert all(0 <= float(one) <= width for one in across)
        assert all(0 <= float(one) <= height for one in down)


@pytest.mark.parametrize("section", PICTURES)
def test_a_picture_says_all_its_figures_in_words(section):
    words = in_words(PICTURES[section])
    assert words in parsed(str(svg(PICTURES[section], "k"))).text
    assert words in markdown(FULL).replace("\\", "")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("handed-over", "23 Mar: 108. This period: from 2 Mar. Agreed: 110."),
        ("accepted", "Webinar (68): 74% (63% to 85%)"),
        ("accepted", "Bought list (17): 53% (29% to 77%), hollow"),
        ("missed", "Source: Partner: -14 (-24 to -2), hollow"),
        ("content", "Getting started, to SQL: \u00d71.32 (\u00d71.07 to \u00d71.62)"),
        ("response", "four weeks before: under 1% by 1 min"),
        ("response", "42% by 1 h, 83% by 6 h"),
        ("records", "Job title: 97% (95% to 98%), agreed 95%"),
        ("titles", "C-level: 7% (5% to 9%), agreed 10%, before 11%"),
        ("balance", "5 Jan: 40% (18% to 62%)"),
        ("balance", "Limit: 50%."),
        ("pipeline", "Webinar: EUR 80k to EUR 300k, first touch EUR 249k, last touch EUR 80k"),
        ("stuck", "MQL, not contacted: 6 open, 1 older than usual, half leave within 1 day, usual up to 1 day;"),
        ("stuck", "Opportunity: 203 open, 20 older than usual, half leave within 47 days, usual up to 151 days."),
    ],
)
def test_the_words_of_a_picture(section, words):
    assert words in in_words(PICTURES[section])


@pytest.mark.parametrize(
    ("section", "marks"),
    [
        ("handed-over", {"a": 4, "c": 8, "promise": 1}),
        ("accepted", {"a": 5, "hollow": 1, "thin": 6}),
        ("missed", {"hollow": 6}),
        ("response", {"curve": 1, "curve dash": 1, "promise": 1}),
        ("titles", {"c": 7, "hollow": 7, "promise": 7, "whisker": 7}),
        ("balance", {"a": 12, "thin": 12, "promise": 1}),
        ("pipeline", {"range": 8, "hollow": 8, "a": 8}),
        ("stuck", {"c": 5, "whisker": 5}),
    ],
)
def test_shapes_say_what_colours_say(section, marks):
    """What is hollow, dashed, outlined or pale, in the page's own names for it; the legend of lines is drawn too."""
    drawn = re.findall(r'<(?:rect|circle|polyline|line) [^>]*class="([^"]*)"', str(svg(PICTURES[section], "k")))
    legend = {"curve": 1, "curve dash": 1} if section == "response" else {}
    assert {kind: drawn.count(kind) - legend.get(kind, 0) for kind in marks} == marks


def test_late_ages_stand_out():
    rows = PICTURES["stuck"]["rows"]
    late = sum(day > row["late_from"] for row in rows for day in row["days"])
    assert late > 10
    assert str(svg(PICTURES["stuck"], "k")).count('class="late"') == late


def test_weeks_beside_others():
    bars = {**PICTURES["handed-over"], "beside": list(range(100, 112))}
    assert in_words(bars).startswith("5 Jan: 106 (circle: 100); 12 Jan: 84 (circle: 101);")
    assert str(svg(bars, "k")).count("<circle") == 12


def test_what_is_not_known_is_said_and_not_drawn():
    dots = changed(PICTURES["accepted"], "rows", 0, "value", None)
    assert "Webinar (68): not known" in in_words(dots)
    assert str(svg(dots, "k")).count("<circle") == str(svg(PICTURES["accepted"], "k")).count("<circle") - 1
    weeks = changed(PICTURES["balance"], "values", 3, None)
    assert "26 Jan: too few" in in_words(weeks)
    assert str(svg(weeks, "k")).count("<polyline") == 2


def test_what_is_not_there_makes_no_box():
    bare = {**FULL, "sections": FULL["sections"][:1], "decide": [], "limits": [], "main": []}
    text = html(bare)
    assert "To decide" not in text
    assert "cannot say" not in text
    assert "<svg" not in text
    assert "## To decide" not in markdown(bare)


def test_a_page_that_lacks_a_part_is_refused_and_not_rendered_without():
    with pytest.raises(UndefinedError):
        html({key: value for key, value in FULL.items() if key != "legend"})
    with pytest.raises(UndefinedError):
        html(changed(FULL, "sections", 0, "verdict", "Certain"))


def test_without_a_verdict_there_is_no_tag():
    also = FULL["sections"][-1]
    assert also["verdict"] is None
    own = html({**FULL, "sections": [also], "main": []})
    assert 'class="tag' not in own
    assert 'class="tag counted">Counted<' in html({**FULL, "sections": FULL["sections"][:1], "main": []})


def test_a_main_point_leads_to_its_section_where_that_is_on_the_page():
    assert '<a href="#promises">' in html(FULL)
    assert '<a href="#promises">' not in html({**FULL, "sections": FULL["sections"][3:]})


def test_the_file_asks_for_nothing_and_runs_nothing():
    text = html(FULL)
    assert len(text.encode()) < 200_000
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'" in text.replace("&#39;", "'")
    assert '<html lang="en">' in text
    assert '<meta name="robots" content="noindex">' in text
    assert "<script" not in text
    assert re.findall(r"https?:|url\(|@import", text) == []
    assert {link[0] for link in re.findall(r'href="([^"]*)"', text)} == {"#"}


def schemes():
    """The colours of the page by where they are used."""
    for where, block in zip(("light", "dark", "print"), re.findall(r":root\{([^}]*)\}", html(FULL)), strict=True):
        yield where, dict(re.findall(r"--(\w+):(#\w+)", block))


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """WCAG 2.2's contrast ratio."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


TEXT_ON = [*product(("ink", "soft", "a", "warn", "ok"), ("bg", "panel")), ("bg", "a"), ("ink", "c")]


@pytest.mark.parametrize("where", ["light", "dark", "print"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_every_text_is_read_on_its_ground(where, text, ground):
    colours = dict(schemes())[where]
    assert contrast(colours[text], colours[ground]) >= 4.5


def test_contrast_is_computed_as_wcag_does():
    assert contrast("#fff", "#000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
