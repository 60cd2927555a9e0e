"""Which content goes with leads moving on, and which words accepted and refused leads write."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from leadscore.base.text import counted
from leadscore.meeting.drafts import CONTEXT, Asked, Clear, Comparison, Draft, Silent, Written, simes
from leadscore.meeting.trait_tables import q_value
from leadscore.present.figures import of_all
from leadscore.present.page import CLEAR, NOT_CLEAR, TOO_FEW, Dot, Dots, MainPoint, PageSection, Table
from leadscore.sales.facts import Facts
from leadscore.sales.traits.content import Content, content_of
from leadscore.sales.traits.traits import MARKED
from leadscore.sales.traits.words import Words, words_of

_ASSETS, _WORDS = "content: assets", "content: words"
_TOGETHER = (
    "Seeing and moving on go together; that does not show that the content moved them. People about to buy look at "
    "pricing anyway. To know, send it to half of them at random."
)
# Rows of the picture, of a table, and of each end of the words; words in a sentence.
_DRAWN, _LISTED, _ENDS, _NAMED = 10, 30, 12, 3


def draft(facts: Facts, asked: Asked) -> Draft | Silent:
    """The section; silent where nothing tells what leads saw or wrote."""
    content, words = facts.once(content_of), facts.once(words_of)
    if not len(content.frame) and words.column is None:
        return Silent(
            "Which content goes with moving on, and which words with being accepted: too few leads saw an asset "
            "(`asset` of events), and no column of leads or events holds texts."
        )
    comparisons = []
    if len(content.frame):
        what = "rate of moving on in the 14 days after seeing an asset, against other days, by asset and step"
        pairs = counted(len(content.frame), "pair")
        method = f"Mantel-Haenszel test by days in the stage, Simes over {pairs} of asset and step"
        comparisons.append(Comparison(_ASSETS, what, method, _moves(content), simes(content.frame["q"])))
    if words.column is not None:
        few = min(words.accepted, words.refused) < asked.few
        method = f"log odds with an informative prior, Simes over {counted(len(words.frame), 'word')}"
        what = "words that accepted leads use, against refused ones"
        p = math.nan if few else simes(words.frame["q"])
        comparisons.append(Comparison(_WORDS, what, method, words.accepted + words.refused, p))
    return Draft(tuple(comparisons), lambda clear: _Content(content, words, asked, clear).written())


def _moves(content: Content) -> int:
    """How many moves the comparison rests on: each step has all of its own beside each asset."""
    frame = content.frame.assign(moves=content.frame["moves"] + content.frame["moves_without"])
    return int(frame.groupby("step")["moves"].first().sum())


class _Content:
    """The section once it is known what is clear."""

    def __init__(self, content: Content, words: Words, asked: Asked, clear: Clear) -> None:
        self.content, self.words, self.few = content, words, asked.few
        self.assets = len(content.frame) > 0 and clear(_ASSETS)
        self.written_apart = words.column is not None and clear(_WORDS)

    def written(self) -> Written:
        tested = len(self.content.frame) > 0
        surely = [self._assets()] * self.assets + [self._ends()] * self.written_apart
        headline = surely[0] if surely else self._assets() if tested else self._words()
        enough = (tested and _moves(self.content) >= self.few) or self._enough_words
        sure = CLEAR if surely else NOT_CLEAR if enough else TOO_FEW
        rest = [one for one in (self._assets() if tested else "", self._words()) if one and one != headline]
        text = (*rest, *[_TOGETHER] * tested)
        figures = {
            "pairs": len(self.content.frame), "moves": _moves(self.content) if tested else 0,
            "words": len(self.words.frame), "accepted": self.words.accepted, "refused": self.words.refused,
        }  # fmt: skip
        section = PageSection(
            "content", "Content and words", headline, sure, text, self._picture(), tuple(self._tables()), figures
        )
        return Written(section, tuple((CONTEXT, MainPoint("content", one, CLEAR)) for one in surely))

    @property
    def _enough_words(self) -> bool:
        return min(self.words.accepted, self.words.refused) >= self.few

    def _assets(self) -> str:
        """Which assets go with moving on."""
        if self.assets:
            return self.content.headline
        pairs = counted(len(self.content.frame), "pair")
        return f"Of {pairs} of asset and step tested, none clearly goes with leads moving on sooner or later."

    def _words(self) -> str:
        """What is said of the words."""
        if self.words.column is None:
            return ""
        if self.written_apart:
            return self._ends()
        n = self.words.accepted + self.words.refused
        if not self._enough_words:
            said = f"Only {counted(n, 'decided lead')} wrote anything" if n else "No decided lead wrote anything"
            return f"{said}: too few to compare words."
        return f"{counted(n, 'decided lead')} wrote something: no word clearly sets accepted leads apart."

    def _ends(self) -> str:
        n = self.words.accepted + self.words.refused
        ends = [
            f"{who} ones write {' and '.join(f'“{one}”' for one in said[:_NAMED])} more often"
            for who, said in zip(("accepted", "refused"), self.words.ends, strict=True)
            if said
        ]
        return f"Of {counted(n, 'decided lead')} that wrote something, {', and '.join(ends)}."

    def _picture(self) -> Dots | None:
        frame = self.content.frame
        frame = frame[frame["high"].notna()].head(_DRAWN) if len(frame) else frame
        dots = [
            # The stage first: long names of assets are cut.
            Dot(
                f"{row['step'].split(' to ')[0]}: {row['asset']}",
                row["ratio"],
                row["low"],
                row["high"],
                bool(row["q"] <= MARKED),
            )
            for _, row in frame.iterrows()
        ]
        caption = (
            "How many times as fast leads move on in the 14 days after seeing it, against leads as long in the stage, "
            "95% intervals. Filled: holds after correction. Hollow: could be luck."
        )
        return Dots("What leads see before they move on", caption, tuple(dots), "times", 1.0) if dots else None

    def _tables(self) -> Iterator[Table]:
        rows = [
            (
                f"{row['step']}", f"{row['asset']}{' *' if row['q'] <= MARKED else ''}", f"{row['moves']:,}",
                f"{row['moves_without']:,}", _times(row), q_value(row["q"]),
            )
            for _, row in self.content.frame.head(_LISTED).iterrows()
        ]  # fmt: skip
        if rows:
            heads = ("Step", "Asset", "Moved within 14 days of seeing it", "Other moves", "Rate (95%)", "q")
            notes = (f"* q at most {MARKED}. Leads as long in the stage are compared.", *self._more(len(rows)))
            yield Table("Content by step", heads, tuple(rows), (2, 3, 4, 5), notes)
        if self._enough_words and len(self.words.frame):
            yield self._table_of_words()
        if len(self.content.sales_use):
            use = tuple(
                (row["asset"], *(of_all(row[one], row[f"{one}_n"]) for one in ("open", "won", "lost")))
                for row in self.content.sales_use.head(_LISTED).to_dict("records")
            )
            asset = ("Asset", "Open deals", "Won deals", "Lost deals")
            yield Table("What sales sends in deals", asset, use, (1, 2, 3), ("Open now, and closed within a year.",))

    def _table_of_words(self) -> Table:
        frame = self.words.frame
        ends = frame if len(frame) <= 2 * _ENDS else pd.concat([frame.head(_ENDS), frame.tail(_ENDS)])
        rows = tuple(
            (
                f"{row['words']}{' *' if row['q'] <= MARKED else ''}", f"{row['accepted']:,}", f"{row['n']:,}",
                f"{row['z']:+.1f}", q_value(row["q"]),
            )
            for _, row in ends.iterrows()
        )  # fmt: skip
        notes = (
            f"* q at most {MARKED}. Each lead counts once per word. Words used by fewer than 8 leads are left out.",
            *self.words.notes,
        )
        return Table("Words", ("Word", "Accepted", "All who used it", "Strength (z)", "q"), rows, (1, 2, 3, 4), notes)

    def _more(self, shown: int) -> Iterator[str]:
        if (more := len(self.content.frame) - shown) > 0:
            yield f"{counted(more, 'pair')} more, none of them more certain than these."


def _times(row: pd.Series) -> str:
    """A ratio with its interval, for a cell."""
    interval = f" ({row['low']:.2f} to {row['high']:.2f})" if not math.isnan(row["high"]) else ""
    return f"\u00d7{row['ratio']:.2f}{interval}" if math.isfinite(row["ratio"]) else "all of them"
