"""Leads that may be one person: with one e-mail address, or alike within an account. None is merged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.likeness import folded
from leadscore.base.text import as_text, normalise
from leadscore.rulebook import Rulebook
from leadscore.stats.intervals import with_shares
from leadscore.stats.outcomes_and_scores import Mask
from leadscore.tables.findings import named_like_email
from leadscore.tables.outcomes import Ints
from leadscore.tables.tables import Tables

# Two texts mean one from this likeness on, of 100.
ALIKE = 92
SAME_EMAIL, SAME_ACCOUNT = "same e-mail address", "alike in one account"
_FREE_MAIL = frozenset(
    ("gmail.com", "googlemail.com", "yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "hotmail.com", "hotmail.co.uk",
     "hotmail.fr", "outlook.com", "live.com", "msn.com", "icloud.com", "me.com", "mac.com", "aol.com", "gmx.de",
     "gmx.net", "gmx.com", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de", "mail.com", "proton.me",
     "protonmail.com", "yandex.ru", "yandex.com", "mail.ru", "qq.com", "163.com", "126.com", "orange.fr", "free.fr",
     "laposte.net", "wanadoo.fr", "libero.it", "virgilio.it", "btinternet.com", "comcast.net", "verizon.net", "att.net")
)  # fmt: skip
_NAME = re.compile(r"(contact|lead|person)?(full|first|last|given|family|sur)?name")
_TITLE = re.compile(r"(job)?(title|role|position|function)")
_DOMAIN = re.compile(r"(e?mail|company|account|web)?domain")


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Leads that may be the same person as another lead.

    Attributes
    ----------
    frame : DataFrame, index kind ("same e-mail address", "alike in one account")
        `n` of the leads asked for that can be compared, `leads` of them that have a duplicate among all leads, `share`,
        `low`, `high` (95 % Wilson); `pairs` with at least one of them.
    notes : tuple of str
        What was compared, and what could not be.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]


def duplicates_of(tables: Tables, rulebook: Rulebook, asked: Ints) -> Duplicates:
    """Which of some leads, by position, may be the same person as another lead.

    Notes
    -----
    The likeness is rapidfuzz's `token_sort_ratio`: 100 less the share of letters that must be put in or taken out, the
    words in order of the alphabet.
    """
    people = _People(tables, rulebook, asked)
    kinds = {SAME_EMAIL: people.by_email(), SAME_ACCOUNT: people.by_likeness()}
    frame = pd.DataFrame(kinds, ["n", "leads", "pairs"]).T.rename_axis("kind")
    return Duplicates(with_shares(frame, "leads", "n"), tuple(people.notes()))


class _People:
    """What is known of people: one text per lead each, empty where nothing is."""

    def __init__(self, tables: Tables, rulebook: Rulebook, asked: Ints) -> None:
        self._tables, self._missing = tables, {"", *map(normalise, rulebook.missing_values)}
        self._asked = np.isin(np.arange(len(tables.ids)), asked)
        columns = {name: folded(name) for name in tables.leads.column_names}
        email = [name for name in columns if named_like_email(name)][:1]
        domain = [name for name, words in columns.items() if _DOMAIN.fullmatch(words)][:1]
        self._names = [name for name, words in columns.items() if _NAME.fullmatch(words)]
        self._titles = [name for name, words in columns.items() if _TITLE.fullmatch(words)][:1]
        self.email = self._texts(email)
        # An address without an @ is none.
        self.email = np.where(np.char.find(self.email.astype(str), "@") > 0, self.email, "")
        if "account_id" in columns:
            self.account = self._texts(["account_id"])
        else:
            ends = np.array([address.rpartition("@")[2] for address in self.email], object)
            self.account = self._texts(domain) if domain else ends
        self.account = np.where(np.isin(self.account.astype(str), list(_FREE_MAIL)), "", self.account)
        self._where = "account_id" if "account_id" in columns else (domain or email or [""])[0]
        self.text = self._texts(self._names or self._titles)

    def _texts(self, names: list[str]) -> Any:
        texts = [np.full(len(self._tables.ids), "", object)]
        for name in names:
            held = self._tables.latest(name).astype(object)
            # Each distinct value once: there are many leads.
            words = {value: normalise(as_text(value)) for value in held.dropna().unique()}
            words = {value: text for value, text in words.items() if text not in self._missing}
            texts.append(np.array([words.get(value, "") for value in held], object))
        return np.array([" ".join(filter(None, parts)) for parts in zip(*texts, strict=True)], object)

    def by_email(self) -> tuple[int, int, int]:
        """Of those asked for: with an address, with one that another lead has too, and pairs."""
        known = pd.DataFrame({"email": self.email, "asked": self._asked})[self.email != ""]
        sizes = known.groupby("email")["asked"].agg(["size", "sum"]).astype(np.int64)
        shared = sizes[(sizes["size"] > 1) & (sizes["sum"] > 0)]
        rest = shared["size"] - shared["sum"]
        pairs = (shared["size"] * (shared["size"] - 1) - rest * (rest - 1)) // 2
        return int(known["asked"].sum()), int(shared["sum"].sum()), int(pairs.sum())

    def by_likeness(self) -> tuple[int, int, int]:
        """Of those asked for: with an account and a text, with one like another's there, and pairs."""
        known = (self.account != "") & (self.text != "")
        accounts = pd.DataFrame({"account": self.account, "lead": np.arange(len(known))})[known]
        accounts = accounts[accounts["account"].isin(self.account[self._asked & known])]
        found, pairs = 0, 0
        for _, own in accounts.groupby("account", sort=False)["lead"]:
            lead = own.to_numpy()
            alike = self._alike(lead)
            both = alike[:, self._asked[lead]].sum()
            found += int(alike.any(axis=1).sum())
            pairs += int(alike.sum() - both // 2)
        return int((self._asked & known).sum()), found, pairs

    def _alike(self, lead: Ints) -> Mask:
        """(n asked for, n) who is like whom of one account, and not by the address already."""
        from rapidfuzz import fuzz, process  # noqa: PLC0415 - for those who ask for duplicates

        asked = lead[self._asked[lead]]
        scorer = fuzz.token_sort_ratio
        score = process.cdist(self.text[asked].tolist(), self.text[lead].tolist(), scorer=scorer, score_cutoff=ALIKE)
        mine, theirs = self.email[asked][:, None], self.email[lead][None, :]
        same = (mine == theirs) & (mine != "")
        # Two people of one title have two addresses.
        others = (mine != theirs) & (mine != "") & (theirs != "") & (not self._names)
        alike: Mask = (score >= ALIKE) & (asked[:, None] != lead[None, :]) & ~(same | others).astype(bool)
        return alike

    def notes(self) -> Iterator[str]:
        """What was compared."""
        if not (self.email != "").any():
            yield "E-mail addresses were not compared: there are none, or none were read (`columns=None`)."
        if not (self.account != "").any() or not (self.text != "").any():
            yield "Leads were not compared within accounts: that needs an account or a domain, and a name or a title."
        else:
            what = " and ".join(self._names or self._titles)
            yield f"Alike are leads of one {self._where} with nearly the same {what}; free mail domains are no account."
