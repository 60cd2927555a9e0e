"""How often the usual drift detectors alarm falsely, and how soon they see a change, on the weeks of `drift.py`.

    python benchmarks/drift_peers.py --runs 100 --leads 1000 --work WORK
    python benchmarks/drift_peers.py ... --peer-python river=PYTHON --peer-python evidently=PYTHON \\
        --peer-python nannyml=PYTHON --peer-python alibi-detect=PYTHON [--only evidently] [--runs 20]

The MQLs of each run are written to WORK once. Every detector is a process of its own, in the interpreter that has its
package; one without an interpreter is skipped and named. It says of each week whether it alarms; all is counted here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import drift
import numpy as np

HERE = Path(__file__).parent
DRIFTS, BURST = ("x1.25", "fit mix", "scanners"), "burst"


class Peer(NamedTuple):
    """Where a detector is."""

    title: str
    script: str
    package: str = ""


PEERS = {
    "psi": Peer("PSI of the share > 0.2", "plain.py"),
    "ks": Peer("KS of the share, p < 0.05 (scipy)", "plain.py"),
    "alibi": Peer("alibi-detect KSDrift, defaults", "alibi_ks.py", "alibi-detect"),
    "evidently": Peer("evidently DataDriftPreset, defaults", "evidently_report.py", "evidently"),
    "nannyml": Peer("NannyML univariate drift, defaults", "nannyml_chunks.py", "nannyml"),
    "shewhart": Peer("Shewhart chart of the share, 3 sd", "plain.py"),
    "cusum share": Peer("CUSUM of the share, k 0.5, h 5", "plain.py"),
    "cusum gap": Peer("CUSUM of all leads' gap, k 0.5, h 5", "plain.py"),
    "adwin": Peer("river ADWIN, defaults", "river_streams.py", "river"),
    "page hinkley": Peer("river PageHinkley, defaults", "river_streams.py", "river"),
}
Run = dict[str, list[bool]]


def write(folder: Path, number: int, per_week: int, seed: int) -> None:
    """One run's MQLs and gaps, week by week, and its sums for ours."""
    world, found = drift.WORLDS["normal"], {}
    sums = {}
    for place, change in enumerate(("before", *DRIFTS, BURST)):
        after = drift.SOON if change == BURST else drift.AFTER
        weeks = drift.BEFORE + np.arange(after) if place else np.arange(drift.BEFORE)
        rng = np.random.default_rng([seed, number, place])
        leads = drift.leads_of(rng, weeks, per_week, world, change if place else "")
        behaviour = drift.behaviour_of(leads["counts"]).sum(axis=0)
        mqls = leads["fit"] + behaviour >= drift.THRESHOLD
        sums[change] = drift.sums_of(leads, len(weeks))
        found[f"{change}:mqls"] = np.stack([part[mqls] for part in (leads["week"], leads["fit"], behaviour)])
    for change, after in sums.items():
        whole = after if change == "before" else np.concatenate([sums["before"], after], axis=1)
        gaps = drift.gaps_of(whole[None])[0]
        found[f"{change}:gap"] = gaps[0, -after.shape[1] :]
        found[f"{change}:sides"] = gaps
    np.savez(
        folder / f"{number}.npz",
        **{name: part.astype(np.int16 if "mqls" in name else float) for name, part in found.items()},
    )


def ours(folder: Path, runs: int) -> list[Run]:
    """`BalanceMonitor`'s alarms."""
    found: list[Run] = [{} for _ in range(runs)]
    for change in (*DRIFTS, BURST):
        gaps = []
        for number in range(runs):
            with np.load(folder / f"{number}.npz") as file:
                gaps.append(file[f"{change}:sides"])
        whole = np.stack(gaps)
        alarms = drift.alarms_of(whole, drift.evidence_of(whole)[0])
        for run, row in zip(found, alarms, strict=True):
            run["stable"], run[change] = row[: drift.STABLE].tolist(), row[drift.STABLE :].tolist()
    return found


def asked(name: str, python: str, folder: Path, runs: int) -> dict[str, Any]:
    """What a peer's process says."""
    answer = folder / f"{name} {runs}.json"
    if not answer.exists():
        command = [python, str(HERE / "detectors" / PEERS[name].script), "--detector", name, "--weeks", str(folder)]
        command += ["--runs", str(runs), "--reference", str(drift.REFERENCE), "--answer", str(answer)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": ""}, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def line(title: str, runs: list[Run]) -> str:
    """A row of the table."""
    stable = np.array([run["stable"] for run in runs])
    cells = [title, str(len(runs)), f"{stable.any(axis=1).mean():.0%}", f"{stable.sum(axis=1).mean():.1f}"]
    for change in DRIFTS:
        weeks = np.array([run[change] for run in runs])
        cells.append(f"{np.where(weeks.any(axis=1), weeks.argmax(axis=1) + 1, drift.AFTER).mean():.1f}")
    cells.append(f"{np.mean([any(run[BURST]) for run in runs]):.0%}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--leads", type=int, default=1000, help="a week")
    parser.add_argument("--seed", type=int, default=20261103)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(PEERS))
    parser.add_argument("--peer-python", action="append", default=[], help="package=path")
    given = parser.parse_args()
    pythons = {"": sys.executable} | dict(pair.split("=", 1) for pair in given.peer_python)
    folder = given.work / f"{given.leads} {given.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(given.runs):
        if not (folder / f"{number}.npz").exists():
            write(folder, number, given.leads, given.seed)
    header = ["detector", "runs", "false alarm in 104 weeks", "alarm weeks of 104", *DRIFTS, "three weeks x1.5"]
    print(f"| {' | '.join(header)} |\n| {' | '.join(['---'] * len(header))} |")
    print(line("**BalanceMonitor**", ours(folder, given.runs)))
    for name in given.only:
        if PEERS[name].package not in pythons:
            print(f"{name}: skipped, no --peer-python {PEERS[name].package}=PYTHON", file=sys.stderr)
            continue
        answer = asked(name, pythons[PEERS[name].package], folder, given.runs)
        print(line(PEERS[name].title, answer["runs"]), flush=True)
        print(f"{name}: {answer['cpu']:.0f} CPU s", file=sys.stderr)


if __name__ == "__main__":
    main()
