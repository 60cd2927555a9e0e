"""Names that try to be more than names, and what every rendering of a result must do with them."""

import json
import re
from html.parser import HTMLParser

from hypothesis import strategies as st
from markdown_it import MarkdownIt

from leadscore.base.text import IGNORABLE

NAMES = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a|b",
    "`code`",
    "two\nlines",
    "tab\tand\rreturn",
    "[red]not red[/red]",
    "[a link](javascript:alert(1))",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "\u2066inside\u2069",
    "**bold** _slanted_ ~~gone~~",
    "# heading",
    "- item",
    "1. first",
    "> said",
    "$x^2$ and $y$",
    "$\\frac$",
    "&lt;b&gt; &amp;",
    "https://example.com and www.example.com",
    "a@example.com",
    "\"quoted\" and 'single'",
    "{{ 7 * 7 }}",
    "back\\slash",
    "  spaces  ",
    "---",
]
names = st.sampled_from(NAMES) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
# All tags that a rendering writes itself.
OUR_TAGS = {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "img"}
UNSEEN = {chr(code) for code in (*range(32), *range(127, 160), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F))} | {
    chr(code) for code in range(0x2066, 0x206A)
}


def printable(name):
    """The name as a rulebook takes it: there what cannot be printed is refused."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def as_id(name):
    """The name as a lead's id: there letters and spaces that are not seen are refused."""
    return re.sub(rf"{IGNORABLE}|(?![ \t-\r])\s", "?", name)


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name) for name, _ in attrs]

    def handle_data(self, data):
        self.text.append(data)

    def handle_decl(self, decl):
        self.tags.append(f"!{decl}")

    def handle_comment(self, data):
        self.tags.append(f"!--{data}")

    def handle_pi(self, data):
        self.tags.append(f"?{data}")


def parsed(page):
    found = _Tags()
    found.feed(page)
    found.close()
    return found


def check_renderings(result):
    """Text stays on its lines, HTML and Markdown hold no tags but ours and no links, JSON is JSON."""
    text = repr(result)
    assert not (UNSEEN - {"\n"}) & set(text)
    page = parsed(result._repr_html_())
    assert set(page.tags) <= OUR_TAGS
    assert set(page.attributes) <= {("div", "class"), ("th", "style"), ("td", "style"), ("img", "alt"), ("img", "src")}
    assert not UNSEEN & set("".join(page.text))
    markdown = result.to_markdown()
    assert not (UNSEEN - {"\n"}) & set(markdown)
    inner = [
        token
        for block in MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(markdown)
        for token in (block, *(block.children or ()))
    ]
    kinds = {
        token.type for token in inner if not token.type.startswith(("table", "thead", "tbody", "tr_", "th_", "td_"))
    }
    ours = {"inline", "text", "text_special", "softbreak", "bullet_list_open", "bullet_list_close"}
    ours |= {f"{name}_{end}" for name in ("heading", "paragraph", "list_item", "strong") for end in ("open", "close")}
    assert kinds <= ours, markdown
    assert {token.tag for token in inner if token.type == "heading_open"} <= {f"h{level}" for level in range(2, 7)}
    data = json.loads(result.to_json())
    assert data["headline"] == result.headline
    return data
