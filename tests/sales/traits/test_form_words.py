"""Words of accepted and refused leads: against an independent count, named traps, and a coin that sales tosses."""

import re
from collections import defaultdict
from math import log, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

import leadscore as ls
from leadscore.errors import ArgumentError
from leadscore.sales.traits.words import words, words_in

BOOK = ls.Rulebook.from_yaml(
    "{leadscore: 1, name: x, fit: [], behaviour: [], qualify: {threshold: 0}, missing_values: [unknown]}"
)
PERIOD = {"start": "2026-03-02", "end": "2026-03-29"}
N = 120


def frames(texts, **columns):
    """Leads that wrote something each; all came on one day, and the even ones were accepted."""
    leads = pd.DataFrame({"lead_id": np.arange(len(texts)), "message": texts} | columns)
    mql = pd.DataFrame({"lead_id": leads["lead_id"], "stage": "mql", "at": "2026-03-10T12:00Z"})
    said = mql.assign(stage=np.where(leads["lead_id"] % 2, "rejected", "sal"), at="2026-03-11T12:00Z")
    return leads, pd.concat([mql, said])


def found(texts, events=None, column=None, stop_words=(), **columns):
    leads, outcomes = frames(texts, **columns)
    tables = ls.load_tables(leads, events, outcomes, observed_until="2026-03-31")
    return words(tables, BOOK, **PERIOD, column=column, stop_words=stop_words)


def listed(result):
    return set(", ".join(result.frame["words"]).split(", ")) - {""}


def with_word(text, word, every=3):
    """Each text is of its own, all but the first begin alike; one lead in `every` has the word too."""
    return [f"{text if row else ''} q{row}q our own five {word if row % every == 0 else ''}" for row in range(N)]


# -------------------------------------------------------------------------------------------- an independent count

VOCABULARY = ["budget", "quarter", "demo", "team", "student", "project", "price", "data", "trial", "report"]


@given(st.integers(0, 10_000))
def test_figures_are_those_of_an_independent_count(seed):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(VOCABULARY, rng.integers(0, 8))) or None for _ in range(N)]
    result = found(texts, column="message")
    wrote = [(text.split(), row % 2 == 0) for row, text in enumerate(texts) if text]
    accepted = sum(good for _, good in wrote)
    refused = len(wrote) - accepted
    assert (result.accepted, result.refused) == (accepted, refused)
    rows, seen = {}, defaultdict(set)
    for word in VOCABULARY:
        users = [good for text, good in wrote if word in text]
        a, b = sum(users), len(users) - sum(users)
        if not 8 <= len(users) < len(wrote):
            continue
        prior, rest = 10 * len(users) / len(wrote), 10 * (1 - len(users) / len(wrote))
        cells = a + prior, accepted - a + rest, b + prior, refused - b + rest
        z = log(cells[0] * cells[3] / cells[1] / cells[2]) / sqrt(sum(1 / cell for cell in cells))
        rows[word] = a, len(users), z
        seen[frozenset(row for row, (text, _) in enumerate(wrote) if word in text)].add(word)
    assert listed(result) == set(rows)
    assert len(result.frame) == len(seen)
    for row in result.frame.itertuples():
        first = row.words.split(", ")[0]
        assert (row.accepted, row.n) == rows[first][:2]
        assert row.z == pytest.approx(rows[first][2])
        assert row.p == pytest.approx(2 * norm.sf(abs(row.z)))
    assert result.frame["q"].tolist() == pytest.approx(multipletests(result.frame["p"], method="fdr_bh")[1].tolist())


@given(st.permutations(range(N)))
def test_the_order_of_the_rows_decides_nothing(order):
    leads, outcomes = frames(with_word("we look for a tool", "budget"))
    once = words(ls.load_tables(leads, None, outcomes, observed_until="2026-03-31"), BOOK, **PERIOD)
    mixed = ls.load_tables(leads.iloc[order], None, outcomes.iloc[::-1], observed_until="2026-03-31")
    assert words(mixed, BOOK, **PERIOD).to_json() == once.to_json()


@given(st.text())
def test_words_are_words_whatever_the_text(text):
    for word in words_in(text):
        assert word[0].isalnum()
        assert sum(not letter.isnumeric() and letter != "'" for letter in word) > 1
        assert not re.search(r"[\s@<>]", word)
        assert words_in(f"  {word}, ") in ({word}, {word.casefold()})


# ------------------------------------------------------------------------------------------------------------- planted


def test_planted_words_are_found_at_both_ends_and_go_on_one_line():
    company = ls.datasets.make_company(10_000, random_state=2, planted=["form words"])
    tables = ls.load_tables(company.leads, company.events, company.outcomes)
    result = words(tables, company.rulebook, **PERIOD)
    assert result.column == "leads.message"
    accepted, refused = result.ends
    assert "approved, budget, this" in accepted
    assert refused == ["project, student"]


# ---------------------------------------------------------------------------------------------------------- named traps


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Budget BUDGET budget!", {"budget"}),
        ("mail anna.smith@firm.example", {"mail"}),
        ("call +49 (171) 555-0199 or 0171/5550199", {"call", "or"}),
        ("see https://firm.example/pricing?x=1 and www.firm.example", {"see", "and"}),
        ("<p>need&nbsp;<b>forty</b> seats</p><script>alert('x')</script>", {"need", "forty", "seats"}),
        ("&lt;b&gt;need&lt;/b&gt; R&amp;D", {"need"}),
        ("\U0001f600\U0001f44d great\u200b tool \u2764\ufe0f", {"great", "tool"}),
        ("Grüße aus Köln, Straße", {"grüsse", "aus", "köln", "strasse"}),
        ("we don\u2019t, 'quoted'", {"we", "don't", "quoted"}),
        ("Нужен бюджет", {"нужен", "бюджет"}),
        ("हिन्दी में", {"हिन्दी", "में"}),
        ("b2b SSO 2026 10k", {"b2b", "sso"}),
        ("n/a - ??? ...", set()),
    ],
)
def test_what_a_word_is(text, kept):
    assert words_in(text) == kept


def test_a_lead_counts_once_per_word():
    result = found(with_word("we look for a tool", "budget budget Budget"))
    assert result.frame.set_index("words").loc["budget", "n"] == N // 3


def test_words_of_fewer_than_eight_leads_are_left_out():
    assert "budget" not in listed(found(with_word("we look for a tool", "budget", every=18)))
    assert "budget" in listed(found(with_word("we look for a tool", "budget", every=15)))


def test_words_of_one_account_are_left_out():
    """The name of a product or a person that one firm writes about is no word of accepted leads."""
    texts = with_word("we look for a tool", "globex", every=10)
    one = ["A" if row % 10 == 0 else f"B{row}" for row in range(N)]
    assert "globex" not in listed(found(texts, account_id=one))
    assert "globex" in listed(found(texts, account_id=[f"B{row}" for row in range(N)]))


def test_a_leads_own_name_mail_and_company_are_left_out():
    texts = with_word("we look for a tool, Anna from Globex", "budget")
    assert {"anna", "globex"} <= listed(found(texts))
    own = found(texts, first_name="Anna", email="anna@firm.example", company="Globex Ltd", column="message")
    assert not {"anna", "globex"} & listed(own)
    assert "budget" in listed(own)


def test_the_forms_own_text_is_left_out():
    texts = with_word("we look for a tool", "budget")
    texts[::4] = ["Please send me more information about your product"] * (N // 4)
    result = found(texts)
    assert "information" not in listed(result)
    assert any("sent word for word" in note for note in result.notes)
    assert "tool" in listed(result)


def test_missing_values_are_no_words_and_stop_words_are_asked_for():
    texts = ["unknown" if row % 4 == 1 else text for row, text in enumerate(with_word("we look for a tool", "budget"))]
    result = found(texts, stop_words=["WE", "for"])
    assert result.accepted + result.refused == N - N // 4
    assert not {"unknown", "we", "for"} & listed(result)
    assert "we" in listed(found(texts))


def test_no_text_is_printed():
    texts = with_word("our secret plan is known to few", "budget")
    shown = found(texts).to_json() + repr(found(texts))
    assert "secret plan" not in shown


def written(texts, hour, **columns):
    leads = np.arange(len(texts))
    return pd.DataFrame({"lead_id": leads, "event": "form", "at": f"2026-03-10T{hour}", "text": texts} | columns)


def test_texts_of_events_until_the_lead_came_are_read():
    texts = with_word("we look for a tool", "budget")
    nothing = [None] * N
    before = found(nothing, written(texts, "12:00:00Z"))
    assert before.column == "events.text"
    assert "budget" in listed(before)
    after = found(nothing, written(texts, "12:00:01Z"))
    assert after.column is None
    assert after.headline == "No column of leads or events holds texts."
    by_sales = found(nothing, written(texts, "10:00:00Z", actor="sales"))
    assert by_sales.column is None


def test_a_form_of_the_day_counts_where_only_the_day_is_known():
    texts = with_word("we look for a tool", "budget")
    dated = written(texts, "00:00:00Z").assign(at="2026-03-10")
    assert "budget" in listed(found([None] * N, dated))


def test_the_column_with_sentences_of_most_leads_is_taken():
    texts, few = with_word("we look for a tool", "budget"), [None] * N
    few[:10] = texts[:10]
    result = found(texts, job_title=["VP Sales", "CEO"] * (N // 2), remark=few)
    assert result.column == "leads.message"
    assert found(texts, remark=texts[::-1], column="remark").column == "leads.remark"
    with pytest.raises(ArgumentError, match="there is no column 'mesage' in leads or events; did you mean 'message'"):
        found(texts, column="mesage")


def test_few_texts_give_a_count_and_no_claim():
    texts = with_word("we look for a tool", "budget")
    result = found([text if row < 40 else None for row, text in enumerate(texts)])
    assert result.headline == "40 decided leads wrote something: too few to compare words."


def test_words_of_won_and_lost_deals_are_compared_where_there_are_enough():
    leads, outcomes = frames(with_word("we look for a tool", "budget"))
    deals = leads.assign(lead_id=leads["lead_id"] + N)
    opened = pd.DataFrame({"lead_id": deals["lead_id"], "stage": "opportunity", "at": "2025-11-02T12:00Z"})
    closed = opened.assign(stage=np.where(deals["lead_id"] % 2, "lost", "won"), at="2025-12-02T12:00Z")
    both = pd.concat([leads, deals])
    tables = ls.load_tables(both, None, pd.concat([opened, closed, outcomes]), observed_until="2026-03-31")
    row = words(tables, BOOK, **PERIOD).won.set_index("words").loc["budget"]
    assert row[["won", "n"]].tolist() == [N // 6, N // 3]
    few = ls.load_tables(both, None, pd.concat([opened, closed.head(40), outcomes]), observed_until="2026-03-31")
    assert not len(words(few, BOOK, **PERIOD).won)
