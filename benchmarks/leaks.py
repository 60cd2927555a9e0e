"""How many columns that were filled in after the outcome the guards find, and how many honest ones they take for such.

    python benchmarks/leaks.py                           # made-up tables, those that the rule was chosen on (A)
    python benchmarks/leaks.py --part B --data DIR       # those that it is reported on, and real ones
    python benchmarks/leaks.py --part B --tables 20 --data DIR

DIR holds `bank/` and `olist/` as the tests read them; scikit-learn brings four more tables. A is made with seeds from
0, B with seeds from 100,000, with other strengths, sizes and names. A hit is a leak that is marked "drop", a false
alarm an honest column that is marked so as a leak.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parent.parent))

from leadscore.learn.guards.cells import read_cells, row_marks
from leadscore.learn.guards.guards import guards
from leadscore.learn.guards.separation import Rows, together
from leadscore.stats.intervals import share_text

SEVERE = ("LS301", "LS302", "LS303", "LS304", "LS305", "LS307")
NAMES = {
    "A": ["Tags", "Lead Quality", "Last Notable Activity", "Lead Profile", "Asymmetrique Activity Score"],
    "B": ["hs_lead_status", "disposition", "Owner Assigned", "closed_reason", "Last Activity"],
}
NEUTRAL = {
    "A": ["field_a", "field_b", "field_c", "field_d", "field_e"],
    "B": ["note", "segment", "size", "plan", "team"],
}
FIRST = {"A": 0, "B": 100_000}
AUCS = {"A": (0.70, 0.75, 0.80, 0.90), "B": (0.65, 0.70, 0.75, 0.80, 0.85, 0.95)}
SIZES = {"A": (2000, 8000), "B": (1500, 3000, 9000)}
Made = tuple[pd.DataFrame, np.ndarray]
Rng = np.random.Generator


def drawn(eta: np.ndarray, rate: float, rng: Rng) -> np.ndarray:
    """Outcomes of about this rate, by log odds."""
    level = np.quantile(eta + rng.logistic(0, 1, len(eta)), 1 - rate)
    return rng.random(len(eta)) < 1 / (1 + np.exp(level - eta))


# --------------------------------------------------------------------------------------------- honest columns, made up


def additive(rng: Rng, n: int) -> Made:
    """Causes that have nothing to do with each other; an empty field tells something, and a demo asked for much."""
    X = pd.DataFrame({
        "origin": rng.choice(["form", "import", "chat", "page"], n, p=[0.1, 0.1, 0.35, 0.45]),
        "visits": rng.poisson(3, n),
        "minutes": np.exp(rng.normal(1, 1, n)),
        "occupation": rng.choice(np.array(["working", "student", "none", None], object), n, p=[0.1, 0.1, 0.5, 0.3]),
        "city": rng.choice(["one", "two", "three", "Select"], n),
        "phone": np.where(rng.random(n) < 0.4, rng.integers(1, 9, n), np.nan),
        "demo": rng.random(n) < 0.05,
        "status": rng.choice(["new", "known"], n),
    })  # fmt: skip
    eta = 0.9 * np.log(X["minutes"]) + 0.1 * X["visits"] + 1.5 * (X["origin"] == "form") + 3 * X["demo"]
    eta += 2 * (X["occupation"] == "working") - 0.5 * X["occupation"].isna() + 1.5 * X["phone"].notna()
    return X, drawn(eta.to_numpy(float), rng.choice([0.1, 0.2, 0.38]), rng)


def intent(rng: Rng, n: int) -> Made:
    """Signs of one interest that nobody sees; the more of it, the more fields are filled in."""
    latent = rng.normal(0, 1, n)
    X = pd.DataFrame({f"sign_{k}": latent + rng.normal(0, spread, n) for k, spread in enumerate((0.7, 1, 1.5, 2, 3))})
    for name, base in (("phone", -1.0), ("budget", 0.0), ("Lead Profile", -2.0)):
        X[name] = np.where(rng.logistic(0, 1, n) < base + 2.5 * latent, rng.integers(1, 9, n), np.nan)
    X["demo"] = rng.logistic(0, 1, n) < 2 * latent - 3
    return X, drawn(2 * latent, rng.choice([0.1, 0.3]), rng)


def two_kinds(rng: Rng, n: int) -> Made:
    """Columns made from the outcome, as two populations differ: strong ones, weak ones, fields left empty."""
    y = rng.random(n) < rng.choice([0.15, 0.4])
    aucs = (0.6, 0.7, 0.75, 0.8, 0.85)
    X = pd.DataFrame({
        f"sign_{k}": rng.normal(0, 1, n) + y * np.sqrt(2) * norm.ppf(auc) for k, auc in enumerate(aucs)
    })  # fmt: skip
    X["phone"] = np.where(rng.random(n) < np.where(y, 0.6, 0.3), 1.0 + rng.integers(0, 5, n), np.nan)
    X["kind"] = np.where(rng.random(n) < np.where(y, 0.5, 0.2), "company", "person")
    return X, y


def tangled(rng: Rng, n: int) -> Made:
    """Correlated causes that work together."""
    x = rng.multivariate_normal(np.zeros(8), 0.5 * np.eye(8) + 0.5, n)
    X = pd.DataFrame(x, columns=[f"x{k}" for k in range(8)])
    X["level"] = np.digitize(x[:, 0], [-1, 0, 1])
    X["last visit"] = np.where(x[:, 1] + rng.normal(0, 1, n) > 0, np.exp(2 - x[:, 1]).round(), np.nan)
    return X, drawn(1.5 * x[:, 0] + x[:, 1] * x[:, 2] + (x[:, 3] > 1) * 2 + x[:, 1], rng.choice([0.1, 0.3]), rng)


def noise(rng: Rng, n: int) -> Made:
    """Thirty columns that tell nothing, and one that does."""
    X = pd.DataFrame(rng.normal(0, 1, (n, 20)), columns=[f"x{k}" for k in range(20)])
    for k in range(10):
        X[f"field_{k}"] = np.where(rng.random(n) < 0.5, rng.choice(np.array(["a", "b", None], object), n), None)
    return X.rename(columns={"x3": "lead score", "field_2": "Last Activity"}), drawn(2.0 * X["x1"].to_numpy(), 0.2, rng)


def leads(rng: Rng, n: int) -> Made:
    """Leads as a team has them: level and size of whom, an interest behind visits, e-mails and a demo asked for."""
    level = rng.choice(["entry", "specialist", "manager", "director", "vp"], n, p=[0.3, 0.3, 0.22, 0.12, 0.06])
    interest = rng.normal(0, 1, n)
    X = pd.DataFrame({
        "job_level": level,
        "employees": np.exp(rng.normal(4.2, 1.6, n)).round() + 1,
        "industry": rng.choice(["software", "retail", "health", "finance"], n, p=[0.35, 0.3, 0.2, 0.15]),
        "source": rng.choice(["paid", "organic", "event", "partner"], n, p=[0.4, 0.35, 0.15, 0.1]),
        "demo_requested": rng.logistic(0, 1, n) < interest - 2.9,
        "page_views": rng.poisson(np.exp(1.2 + 0.45 * interest)),
        "emails_opened": rng.poisson(np.exp(0.6 + 0.3 * interest)),
        "phone": np.where(rng.random(n) < 0.45, "given", None),
    })  # fmt: skip
    eta = X["job_level"].map({"entry": 0, "specialist": 0, "manager": 0.7, "director": 1.4, "vp": 2.0})
    eta += 0.35 * (np.log(X["employees"]) - 4.2) + 0.9 * interest + 1.6 * X["demo_requested"] + 0.4 * X["phone"].notna()
    return X, drawn(eta.to_numpy(float), rng.choice([0.1, 0.2, 0.3]), rng)


CLEAN: dict[str, Callable[[Rng, int], Made]] = {
    "causes": additive, "one interest": intent, "two populations": two_kinds, "correlated": tangled, "noise": noise,
    "leads": leads,
}  # fmt: skip

# ----------------------------------------------------------------------------------------- columns filled in afterwards


def empty_before(y: np.ndarray, auc: float, rng: Rng) -> pd.Series:
    """Missing until a seller fills it in, for most leads that came to something and for some that did not."""
    low = rng.choice([0.02, 0.05, 0.15]) if auc < 0.85 else 0.02
    filled = rng.random(len(y)) < np.where(y, min(low + 2 * auc - 1, 1.0), low)
    return pd.Series(np.where(filled, rng.choice(np.array(["hot", "warm", "cold"], object), len(y)), None))


def default_before(y: np.ndarray, auc: float, rng: Rng) -> pd.Series:
    """0 until something is counted."""
    low = rng.choice([0.02, 0.05, 0.15]) if auc < 0.85 else 0.02
    counted = rng.random(len(y)) < np.where(y, min(low + 2 * auc - 1, 1.0), low)
    return pd.Series(np.where(counted, 1 + rng.poisson(1, len(y)), 0))


def overwritten(y: np.ndarray, auc: float, rng: Rng) -> pd.Series:
    """States of which some are of one outcome only; for 92 % of leads written after it, and as good as the AUC asks."""
    late = rng.random(len(y)) < 0.92 * (2 * auc - 1)
    after = np.where(
        y, rng.choice(["will revert", "closed"], len(y)), rng.choice(["ringing", "lost", "not eligible"], len(y))
    )
    return pd.Series(np.where(late, after, rng.choice(np.array(["interested", "busy", None], object), len(y))))


def measured(y: np.ndarray, auc: float, rng: Rng) -> pd.Series:
    """A figure that went up with the outcome; every lead has one."""
    return pd.Series((15 + 2 * (rng.normal(0, 1, len(y)) + y * np.sqrt(2) * norm.ppf(auc))).round())


def lost_reason(y: np.ndarray, auc: float, rng: Rng) -> pd.Series:
    """Filled in for leads that were given up."""
    return empty_before(~y, auc, rng)


LEAKS = (empty_before, default_before, overwritten, measured, lost_reason)


def leaky(rng: Rng, n: int, auc: float, names: list[str]) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]]:
    """A clean table with a leak of each kind, and which kind each is."""
    X, y = additive(rng, n)
    kinds = dict(zip(rng.permutation(names).tolist(), LEAKS, strict=True))
    return X.assign(**{name: make(y, auc, rng).to_numpy() for name, make in kinds.items()}), y, kinds


# ----------------------------------------------------------------------------- other kinds, with names that say nothing


def often(y: np.ndarray, rng: Rng, with_it: float, without: float) -> np.ndarray:
    """Where something was done."""
    return rng.random(len(y)) < np.where(y, with_it, without)


def some(values: list[str], y: np.ndarray, rng: Rng) -> np.ndarray:
    """One of these in each row."""
    return rng.choice(np.array(values, object), len(y))


def day_to_come(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """A day agreed upon; the rows have no day of their own."""
    days = np.datetime64("2025-03-01") + rng.integers(0, 300, len(y))
    return {"follow_up_on": np.where(often(y, rng, 0.6, 0.08), days, np.datetime64("NaT"))}


def days_since(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """Days between the first and the last that somebody wrote down something."""
    return {"days_in_crm": np.where(y, rng.gamma(3, 12, len(y)), rng.gamma(1.2, 14, len(y))).round()}


def reassigned(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """Handed from one of twelve to one of six others."""
    first, then = some([f"sdr {k}" for k in range(12)], y, rng), some([f"ae {k}" for k in range(6)], y, rng)
    return {"rep": np.where(often(y, rng, 0.6, 0.04), then, first)}


def amount(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """0 until there is an offer."""
    return {"budget": np.where(often(y, rng, 0.6, 0.03), np.exp(rng.normal(9, 1, len(y))).round(-2), 0)}


def length_of_notes(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """Sellers write more where something comes of it."""
    return {"note_chars": np.where(y, rng.gamma(4, 40, len(y)), rng.gamma(2.2, 40, len(y))).round()}


def new_level(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """A kind of company that is only known afterwards."""
    kind = some(["prospect", "partner", "press"], y, rng)
    return {"kind": np.where(often(y, rng, 0.45, rng.choice([0.01, 0.05])), "key account", kind)}


def completeness(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """How much of the record is filled in, by sales too."""
    return {"record_pct": np.clip(40 + rng.normal(0, 18, len(y)) + y * 20, 5, 100).round()}


def count(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """Goes on after the outcome."""
    return {"calls": rng.poisson(np.where(y, 3.5, 1.6))}


def flag(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """False until it is set."""
    return {"visited": often(y, rng, 0.5, 0.04)}


def of_a_third(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """Filled in for 30 % of those with the outcome."""
    return {"billing_city": np.where(often(y, rng, 0.3, 0.01), some(["one", "two"], y, rng), None)}


def both_ways(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """Written over with either outcome, for 40 %."""
    won, lost = often(y, rng, 0.4, 0.03), often(~y, rng, 0.4, 0.05)
    return {"colour": np.select([won, lost], ["green", "grey"], "white")}


def several_weak(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """Four fields and flags, AUC 0.60 to 0.70 each."""
    share = dict(zip("abcd", (0.25, 0.31, 0.37, 0.43), strict=True))
    return {f"extra_{name}": often(y, rng, share[name], 0.05) for name in share}


def several_weak_figures(y: np.ndarray, rng: Rng) -> dict[str, Any]:
    """Four figures that went up, AUC 0.60 to 0.70 each."""
    return {f"meter_{auc}": rng.normal(0, 1, len(y)) + y * np.sqrt(2) * norm.ppf(auc) for auc in (0.6, 0.63, 0.67, 0.7)}


OTHER_KINDS = (
    day_to_come, days_since, reassigned, amount, length_of_notes, new_level, completeness, count, flag, of_a_third,
    both_ways, several_weak, several_weak_figures,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------- what is found


def severe(X: pd.DataFrame, y: np.ndarray) -> set[Any]:
    """The columns that are taken for leaks."""
    return {one.column for one in guards(X, y) if one.severity == "drop" and one.code in SEVERE}


def real(folder: Path | None) -> Iterator[tuple[str, pd.DataFrame, np.ndarray]]:
    """Tables whose columns were known in time."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine  # noqa: PLC0415 - slow

    for name, load in (("breast cancer", load_breast_cancer), ("wine", load_wine), ("diabetes", load_diabetes)):
        bunch = load(as_frame=True)
        above = bunch.target.median() if name == "diabetes" else 0
        yield name, bunch.data, (bunch.target > above).to_numpy()
    digits = load_digits(as_frame=True)
    yield "digits", digits.data, (digits.target >= 5).to_numpy()
    if folder is not None:
        bank = pd.read_csv(folder / "bank" / "bank-additional-full.csv", sep=";")
        yield "bank", bank.drop(columns=["y", "duration"]), (bank["y"] == "yes").to_numpy()
        leads = pd.read_csv(folder / "olist" / "olist_marketing_qualified_leads_dataset.csv")
        deals = pd.read_csv(folder / "olist" / "olist_closed_deals_dataset.csv")
        won = leads["mql_id"].isin(deals["mql_id"]).to_numpy()
        yield "olist", leads[["origin", "landing_page_id"]], won


def alarms(part: str, tables: int, folder: Path | None) -> None:
    """Honest columns that are taken for leaks."""
    print("clean table | n | tables | taken for leaks, of so many columns")
    for name, make in CLEAN.items():
        for n in SIZES[part]:
            made = [make(np.random.default_rng(FIRST[part] + seed), n) for seed in range(tables)]
            found = [column for X, y in made for column in severe(X, y)]
            print(f"{name} | {n:,} | {tables} | {len(found)} of {sum(len(X.columns) for X, _ in made)}")
    for name, X, y in real(folder) if part == "B" else ():
        print(f"{name} | {len(X):,} | 1 | {len(severe(X, y))} of {len(X.columns)}")


def hits(part: str, tables: int) -> None:
    """Leaks that are found, by kind, AUC and whether names tell of them."""
    print(f"\nleaks | AUC | {' | '.join(make.__name__ for make in LEAKS)} | all | honest columns taken for leaks")
    for title, names in (("named", NAMES[part]), ("unnamed", NEUTRAL[part])):
        for auc in AUCS[part]:
            found: list[tuple[str, bool]] = []
            for n, seed in itertools.product(SIZES[part], range(tables)):
                X, y, kinds = leaky(np.random.default_rng(FIRST[part] + seed), n, auc, names)
                taken = severe(X, y)
                found += [(kinds[name].__name__ if name in kinds else "", name in taken) for name in X.columns]
            by_kind = {kind: [hit for of, hit in found if of == kind] for kind, _ in found}
            wrong = by_kind.pop("")
            every = list(itertools.chain(*by_kind.values()))
            shares = " | ".join(f"{np.mean(by_kind[make.__name__]):.0%}" for make in LEAKS)
            print(
                f"{title} | {auc:.2f} | {shares} | {share_text(sum(every), len(every))} | {sum(wrong)} of {len(wrong)}"
            )


def other_kinds(part: str, tables: int) -> None:
    """Leaks of other kinds beside honest columns: which are found, and the AUC that is shown."""
    print(
        "\nkind | leaks found | by | AUC of all | without those found | of honest columns | honest ones taken for leaks"
    )
    for make in OTHER_KINDS:
        hits, codes, aucs, wrong = [], set(), [], 0
        for honest, n, seed in itertools.product((leads, additive, intent), SIZES[part], range(tables)):
            rng = np.random.default_rng(FIRST[part] + seed)
            X, y = honest(rng, n)
            made = make(y, rng)
            X = X.assign(**made)
            found = {one.column: one.code for one in guards(X, y) if one.severity == "drop" and one.code in SEVERE}
            hits += [name in found for name in made]
            codes |= {found[name] for name in made if name in found}
            wrong += len(found.keys() - made.keys())
            columns = read_cells(X, source="X")
            rows = Rows.of(y, row_marks(columns))
            kept = [[cells for cells in columns if cells.name not in out] for out in ((), found, made)]
            aucs.append([together(rows, some).auc.value for some in kept])
        shown = " | ".join(f"{auc:.3f}" for auc in np.mean(aucs, axis=0))
        print(f"{make.__name__} | {share_text(sum(hits), len(hits))} | {' '.join(sorted(codes))} | {shown} | {wrong}")


def main() -> None:
    """All tables of one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["A", "B"], default="A")
    parser.add_argument("--tables", type=int, default=10, help="of each kind and size")
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    alarms(asked.part, asked.tables, asked.data)
    hits(asked.part, asked.tables)
    other_kinds(asked.part, max(1, asked.tables // 5))


if __name__ == "__main__":
    main()
