"""How well and how dearly models are learned from outcomes, ours and others', on the same folds of the same contacts.

    python benchmarks/learning.py --data DIR                                     # ours and scikit-learn
    python benchmarks/learning.py --data DIR --peer-python optbinning=venv/bin/python --peer-python interpret=...
    python benchmarks/learning.py --data DIR --only card,boosted --work WORK --reuse

DIR holds `bank/bank-additional-full.csv` (UCI Bank Marketing: 41,188 phone contacts in order of time). Every model is a
process of its own in the interpreter that has its package; one without an interpreter is skipped and named. A process
answers with probabilities, all measured here by the same code, and with the CPU seconds of fitting and scoring alone.
With --reuse, answers that lie in WORK are taken as they are: for peers too slow to run each time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "learners")]

import harness  # noqa: E402
import job  # noqa: E402

from leadscore.stats.calibration import expected_calibration_error, gains  # noqa: E402
from leadscore.stats.ranking import brier, pr_auc, roc_auc  # noqa: E402

RANDOM, NEWEST, FORWARD = "random", "newest 20 %", "forward"
CUTS = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
FEW = 2  # random folds of the slow
BESIDE = "boosted"  # what the others' AUC is compared with, fold by fold
PACKAGES = ["numpy", "pandas", "scikit-learn", "optbinning", "interpret-core", "fasterrisk"]


class Learner(NamedTuple):
    """Where a model is, and what it is spared because it is slow."""

    title: str
    script: str
    package: str
    slow: bool = False  # two random folds, cost measured once, and no fit of 1,000,000 rows
    forward: bool = True
    ours: bool = False  # its fit uses dates


LEARNERS = {
    "classifier": Learner("**LeadClassifier**", "ours.py", "leadscore", ours=True),
    "card": Learner("**its points card**, at most 51 rows", "ours.py", "leadscore", ours=True),
    "logistic": Learner("scikit-learn logistic, one-hot", "scikit.py", "scikit-learn"),
    "boosted": Learner("scikit-learn boosting, defaults", "scikit.py", "scikit-learn"),
    "boosted slow": Learner("scikit-learn boosting, 300 x 8 leaves", "scikit.py", "scikit-learn"),
    "optbinning": Learner("optbinning Scorecard", "optbinning_card.py", "optbinning"),
    "ebm mains": Learner("interpret EBM, mains", "ebm.py", "interpret", slow=True, forward=False),
    "ebm": Learner("interpret EBM, defaults", "ebm.py", "interpret", slow=True, forward=False),
    "fasterrisk": Learner("fasterrisk, 10 indicators", "faster_risk.py", "fasterrisk", slow=True),
}
HERE_ALREADY = {"leadscore", "scikit-learn"}  # in the interpreter that runs this


def log_loss(y: np.ndarray, chance: np.ndarray) -> float:
    """The mean of -log of the probability given to what came."""
    given = np.clip(np.where(y == 1, chance, 1 - chance), 1e-15, 1)
    return float(-np.log(given).mean())


MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "AUC": lambda y, chance: roc_auc(y, chance).value,
    "PR AUC": lambda y, chance: pr_auc(y, chance).value,
    "Brier": lambda y, chance: brier(y, chance).value,
    "log loss": log_loss,
    "calibration error": lambda y, chance: expected_calibration_error(y, chance).value,
    "lift at 10 %": lambda y, chance: float(gains(y, chance).frame["lift"].iloc[0]),
}
Answers = dict[str, dict[str, Any]]


class Bench(NamedTuple):
    """Where things are."""

    work: Path
    bank: Path
    pythons: dict[str, str]
    reuse: bool
    memory_limit: int


def make_folds(y: np.ndarray) -> dict[str, Any]:
    """Rows to train and test on, by the name of the fold; `dated` where rows are in order of time."""
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - scikit-learn takes long to import

    n, split = len(y), StratifiedKFold(5, shuffle=True, random_state=0)
    found = {
        f"{RANDOM} {place}": {"train": train.tolist(), "test": test.tolist(), "dated": False}
        for place, (train, test) in enumerate(split.split(y, y))
    }
    ranges = {NEWEST: (0.8, 1.0)} | {f"{FORWARD} {cut}": (cut, cut + 0.1) for cut in CUTS}
    for name, (cut, end) in ranges.items():
        first, last = round(n * cut), round(n * end)
        found[name] = {"train": list(range(first)), "test": list(range(first, last)), "dated": True}
    return found


def asked_folds(learner: Learner, folds: dict[str, Any]) -> dict[str, Any]:
    """The folds that a learner is given; the slow are spared some."""
    spared = [f"{RANDOM} {place}" for place in range(FEW, 5)] if learner.slow else []
    return {
        name: fold
        for name, fold in folds.items()
        if name not in spared and (learner.forward or not name.startswith(FORWARD))
    }


def answered(bench: Bench, model: str, task: str, turn: int = 0, *, dated: bool = False) -> dict[str, Any]:
    """What a process says of one task; `failed` if it did not come to an end."""
    learner = LEARNERS[model]
    name = f"{model} {task}{' dated' if dated else ''} {turn}"
    answer, log = bench.work / f"{name}.json", bench.work / f"{name}.log"
    if not (bench.reuse and answer.exists()):
        answer.unlink(missing_ok=True)
        command = [bench.pythons[learner.package], str(HERE / "learners" / learner.script), "--model", model]
        command += ["--task", task, "--bank", str(bench.bank), "--answer", str(answer)]
        command += ["--folds", str(bench.work / f"{model} given.json")]
        try:
            used = harness.measured([*command, "--dated"] if dated else command, log, bench.memory_limit)
        except RuntimeError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return {"failed": str(error).splitlines()[-1]}
        print(f"{name}: cpu {used.cpu:.1f} wall {used.wall:.1f} foreign {used.foreign:.1f}", file=sys.stderr)
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def measure(answers: Answers, folds: dict[str, Any], y: np.ndarray) -> dict[str, dict[str, dict[str, float]]]:
    """Every measure, by model and fold."""
    return {
        model: {
            fold: {measured: of(y[folds[fold]["test"]], np.array(found["chance"])) for measured, of in MEASURES.items()}
            for fold, found in answer.items()
        }
        for model, answer in answers.items()
        if "failed" not in answer
    }


def markdown(header: list[str], lines: list[list[str]]) -> str:
    """A table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *lines])


def spread(values: list[float], middle: Callable[[list[float]], float], style: str) -> str:
    """A mean or median (least to most)."""
    shown = f"{middle(values):{style}}"
    return shown if len(values) == 1 else f"{shown} ({min(values):{style}} to {max(values):{style}})"


def random_table(figures: dict[str, Any], answers: Answers) -> str:
    """Means over the random folds; AUC also beside that of boosting on the same folds, as some have fewer."""
    lines = []
    for model, by_fold in figures.items():
        folds = [fold for fold in by_fold if fold.startswith(RANDOM)]
        values = {name: [by_fold[fold][name] for fold in folds] for name in MEASURES}
        less = [by_fold[fold]["AUC"] - figures[BESIDE][fold]["AUC"] for fold in folds] if BESIDE in figures else []
        means = [f"{statistics.mean(values[name]):.{2 if 'lift' in name else 4}f}" for name in list(MEASURES)[1:]]
        size = statistics.median(answers[model][fold]["rows"] for fold in folds)
        title = LEARNERS[model].title
        beside = spread(less, statistics.mean, "+.4f") if less and model != BESIDE else ""
        auc = spread(values["AUC"], statistics.mean, ".4f")
        lines.append([title, str(len(folds)), auc, beside, *means, f"{size:,.0f}"])
    return markdown(["model", "folds", "AUC", "less boosting", *list(MEASURES)[1:], "rows to review"], lines)


def newest_table(figures: dict[str, Any], answers: Answers, folds: dict[str, Any], y: np.ndarray) -> str:
    """Trained on the oldest 80 %, tested on the newest 20 %."""
    lines = []
    for model, by_fold in figures.items():
        auc = roc_auc(y[folds[NEWEST]["test"]], np.array(answers[model][NEWEST]["chance"]))
        rest = [f"{by_fold[NEWEST][name]:.{2 if 'lift' in name else 4}f}" for name in list(MEASURES)[1:]]
        size = answers[model][NEWEST]["rows"]
        sure = f"{auc.value:.4f} ({auc.low:.4f} to {auc.high:.4f})"
        lines.append([LEARNERS[model].title, sure, *rest, f"{size:,}"])
    return markdown(["model", *MEASURES, "rows to review"], lines)


def forward_table(figures: dict[str, Any]) -> str:
    """AUC on the tenth that follows each cut; the other measures as means."""
    folds = [f"{FORWARD} {cut}" for cut in CUTS]
    lines = []
    for model, by_fold in figures.items():
        if not LEARNERS[model].forward:
            continue
        means = {name: statistics.mean(by_fold[fold][name] for fold in folds) for name in MEASURES}
        cuts = [f"{by_fold[fold]['AUC']:.3f}" for fold in folds]
        rest = [f"{means[name]:.{2 if 'lift' in name else 3}f}" for name in list(MEASURES)[1:]]
        lines.append([LEARNERS[model].title, *cuts, f"{means['AUC']:.3f}", *rest])
    return markdown(["model", *map(str, CUTS), "mean AUC", *list(MEASURES)[1:]], lines)


def cost_table(costs: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    """Fitting all contacts, scoring 1,000,000, fitting 1,000,000; each with the most memory the process held."""
    header = ["model", "fit CPU s", "peak GiB", "1M scored, CPU s", "1M fitted, CPU s", "peak GiB", "before it"]

    def shown(several: list[dict[str, Any]], field: str, unit: float = 1.0) -> str:
        if any("failed" in each for each in several):
            return "failed"
        values = [each[field] / unit for each in several]
        return spread(values, statistics.median, ".2f") if values else "not run"

    lines = [
        [
            title,
            shown(tasks["cost"], "fit_cpu"),
            shown(tasks["cost"], "peak", harness.GIBIBYTE),
            shown(tasks["cost"], "score_cpu"),
            shown(tasks["million"], "fit_cpu"),
            shown(tasks["million"], "peak", harness.GIBIBYTE),
            shown(tasks["million"], "peak_before", harness.GIBIBYTE),
        ]
        for title, tasks in costs.items()
    ]
    return markdown(header, lines)


def ask_costs(bench: Bench, models: list[str], times: int) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Models take turns; ours is also timed with dates, which its fit then uses."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for turn in range(times):
        for model in models:
            learner = LEARNERS[model]
            for dated in [False, True] if learner.ours else [False]:
                tasks = found.setdefault(learner.title + (", with dates" if dated else ""), {"cost": [], "million": []})
                if not turn or not learner.slow:
                    tasks["cost"].append(answered(bench, model, "cost", turn, dated=dated))
                if not turn and not learner.slow:
                    tasks["million"].append(answered(bench, model, "million", dated=dated))
    return found


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("LEADSCORE_DATA"), help="default LEADSCORE_DATA")
    parser.add_argument("--peer-python", action="append", default=[], metavar="PACKAGE=PYTHON")
    parser.add_argument("--only", help=f"some of {','.join(LEARNERS)}; default all")
    parser.add_argument("--times", type=int, default=3, help="how often costs are measured")
    parser.add_argument("--no-costs", action="store_true", help="figures of quality only")
    parser.add_argument("--work", type=Path, help="folder for folds and answers; default a temporary one")
    parser.add_argument("--reuse", action="store_true", help="take answers that lie in the folder as they are")
    parser.add_argument("--memory-limit", type=float, default=10.0, help="GiB past which a process is ended")
    parser.add_argument("--out", type=Path, help="also write the Markdown here")
    given = parser.parse_args()
    if given.data is None:
        parser.error("--data names no folder, and LEADSCORE_DATA is not set")
    return given


def report(bench: Bench, models: list[str], times: int) -> str:
    """All tables as Markdown; no costs if `times` is 0."""
    y = job.read_bank(bench.bank).y
    folds = make_folds(y)
    for model in models:
        (bench.work / f"{model} given.json").write_text(json.dumps(asked_folds(LEARNERS[model], folds)))
    answers = {model: answered(bench, model, "folds") for model in models}
    figures = measure(answers, folds, y)
    costs = ask_costs(bench, list(figures), times) if times else {}
    failed = [f"{model} failed: {answer['failed']}" for model, answer in answers.items() if "failed" in answer]
    parts = [
        f"### Random folds\n\n{random_table(figures, answers)}",
        f"### The newest 20 %\n\n{newest_table(figures, answers, folds, y)}",
        f"### Walk-forward\n\n{forward_table(figures)}",
        *([f"### Cost\n\n{cost_table(costs)}"] if costs else []),
        *failed,
    ]
    return "\n\n".join(parts)


def main() -> None:
    """Fit, measure, print."""
    given = arguments()
    os.environ["OMP_NUM_THREADS"] = "1"
    pythons = dict.fromkeys(HERE_ALREADY, sys.executable) | dict(each.split("=", 1) for each in given.peer_python)
    asked = given.only.split(",") if given.only else list(LEARNERS)
    models = [model for model in asked if LEARNERS[model].package in pythons]
    skipped = [model for model in asked if model not in models]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        bank = given.data / "bank" / "bank-additional-full.csv"
        bench = Bench(work, bank, pythons, given.reuse, int(given.memory_limit * harness.GIBIBYTE))
        parts = [report(bench, models, 0 if given.no_costs else given.times)]
    parts += [f"Skipped, for want of an interpreter: {', '.join(skipped)}."] if skipped else []
    used = dict.fromkeys(pythons[LEARNERS[model].package] for model in models)
    made = "; ".join(harness.versions(python, PACKAGES) for python in used)
    text = "\n\n".join([*parts, f"{harness.machine()}. {made}. Commit {harness.commit()}."])
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
