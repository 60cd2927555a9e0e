"""What tests of bad input share: rulebooks and tables that are good, and what a refusal must say."""

import datetime as dt
import re

import pandas as pd

import leadscore as ls
from leadscore.rulebook.kinds import event_kinds, lead_kinds
from tests.scoring.test_scoring import expected, plain
from tests.support.strategies import Case

AS_OF = dt.date(2026, 3, 31)


# Problems of a whole file: no one place in it is wrong more than the rest.
WHOLE_FILE = re.compile(
    r"nested too deeply|(more than )?[\d,]+ (characters|bytes); a rulebook has at most|cannot be read|not valid YAML: |"
    r"a rulebook is text|the key .* which YAML cannot hold"
)


def assert_located(error, where=r"\S.*"):
    """Every problem says its place, a line or also a path, and what is wrong there."""
    assert error.problems
    for problem in error.problems:
        assert problem.message.strip()
        assert re.fullmatch(where, problem.where, re.DOTALL) or WHOLE_FILE.match(problem.message), problem
    assert str(error).startswith(f"{len(error.problems)} problem")


def scored(rulebook, leads, events=None, *, as_of=AS_OF, **options):
    return ls.score(ls.load_tables(leads, events, rulebook=rulebook, **options), rulebook, as_of=as_of)


def assert_works(rulebook):
    """A rulebook that loads can be checked, written, and scored: on no leads, on one of whom nothing is known."""
    rulebook.check(today=AS_OF)
    assert ls.Rulebook.from_yaml(rulebook.to_yaml()) == rulebook
    columns = dict.fromkeys(["lead_id", *rulebook.columns, *lead_kinds(rulebook)])
    of_events = dict.fromkeys(["lead_id", "event", "at", *event_kinds(rulebook)])
    events = pd.DataFrame(columns=list(of_events), dtype=object)
    assert len(scored(rulebook, pd.DataFrame(columns=list(columns), dtype=object), events)) == 0
    unknown = pd.DataFrame([columns | {"lead_id": "a"}])
    case = Case(rulebook.to_dict(), [{"lead_id": "a"}], [], AS_OF)
    assert plain(scored(rulebook, unknown, events).frame) == expected(case)


def loads_or_is_refused(read, given_, where=r"line \d+(, \S.*)?"):
    """Either a rulebook that works, or an error that says where."""
    try:
        rulebook = read(given_)
    except ls.RulebookError as error:
        assert_located(error, where)
        return False
    assert_works(rulebook)
    return True


def book(fit="", behaviour="", rest="", qualify="threshold: 0"):
    """The text of a rulebook; what is asked about stands on line 4 (`qualify` on line 3)."""
    text = f"leadscore: 1\nname: n\nqualify: {{{qualify}}}\n"
    text += f"fit: [{fit}]\n" if fit else ""
    text += f"behaviour: [{behaviour}]\n" if behaviour else ""
    return text + rest


def texts(table):
    return {name: [None if cell is None else str(cell) for cell in cells] for name, cells in table.items()}


OBJECTS = [object(), 1j, {1: object()}]


def written(folder, name, data):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path
