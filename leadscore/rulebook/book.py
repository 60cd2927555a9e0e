"""`Rulebook`: the file both teams agree on, read, checked, edited and written back."""

from __future__ import annotations

import datetime as dt
import os
import pathlib
from collections.abc import Mapping
from copy import deepcopy
from hashlib import sha256
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, PrivateAttr

from leadscore.base.call import Call
from leadscore.base.days import as_day
from leadscore.base.text import counted
from leadscore.errors import ArgumentError, Problem, RulebookError
from leadscore.rulebook import edits, yaml
from leadscore.rulebook.check import Finding, findings
from leadscore.rulebook.faults import contents
from leadscore.rulebook.joined import Folder, joined, lists
from leadscore.rulebook.model import Contents
from leadscore.rulebook.named import NamedList
from leadscore.rulebook.yaml_file import YamlFile


class Rulebook(Contents, YamlFile):
    """Fit and behaviour points against a threshold, from one YAML file (format 1 or 2).

    A rulebook does not change once read; `edited` gives another one. It holds the checked contents as attributes
    (`rulebook.qualify.threshold`, `rulebook.fit[0].name`) and the text they came from, comments and all. Two rulebooks
    are equal if they say the same, whatever their comments, layout and order of keys.

    Examples
    --------
    >>> text = '''
    ... leadscore: 1
    ... name: demo
    ... fit:
    ...   - {name: Home market, when: {country: [US, CA]}, points: 60}
    ... behaviour:
    ...   - {name: Pricing page, event: pricing, points: 15, within_days: 30, at_most: 45}
    ... qualify: {threshold: 100}
    ... '''
    >>> rulebook = Rulebook.from_yaml(text)
    >>> rulebook
    <Rulebook 'demo': 1 fit rule and 1 behaviour rule, qualified from 100 points>
    >>> Rulebook.from_yaml(text.replace("within_days", "witin_days"), source="demo.yaml")
    Traceback (most recent call last):
    leadscore.errors.RulebookError: 1 problem in demo.yaml
      line 7, behaviour[0].witin_days: unknown key 'witin_days'; did you mean 'within_days'?
          - {name: Pricing page, event: pricing, points: 15, witin_days: 30, at_most: 45}
                                                             ^^^^^^^^^^
    """

    model_config = ConfigDict(
        title="leadscore rulebook, formats 1 and 2",
        json_schema_extra={"description": "Fit and behaviour points against a threshold."},
    )

    _form: ClassVar = yaml.RULEBOOK

    _document: yaml.Document = PrivateAttr()
    _whole: yaml.Document = PrivateAttr()
    _folder: Folder = PrivateAttr()
    _lists: dict[str, NamedList] = PrivateAttr()
    _as_written: Contents = PrivateAttr()
    _said: str = PrivateAttr()

    @classmethod
    def from_yaml(cls, text: str, *, source: str = "rulebook", folder: str | os.PathLike[str] | None = None) -> Self:
        """Read a rulebook from text; `source` names it in messages.

        `folder` is where the files lie that it includes, and its lists in files.

        Raises
        ------
        RulebookError
            With every problem of the text: line, path, the line with a caret, and the nearest known name.
        """
        if not isinstance(folder, str | os.PathLike | None):
            raise RulebookError(str(source), [Problem("folder", f"must be a path; got a {type(folder).__name__}")])
        return cls._from_text(text, source, Folder(None if folder is None else pathlib.Path(folder)))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read the file (UTF-8 YAML), and the files beside it that it names.

        Raises
        ------
        RulebookError
            If there is no file, it is not UTF-8 text, or its contents have problems.
        """
        with Call("Rulebook.read") as given:
            given.types(path=(path, str | os.PathLike))
        return cls._from_text(cls._form.read(path), str(path), Folder(pathlib.Path(path).parent))

    @classmethod
    def _from_text(cls, text: str, source: str, folder: Folder) -> Self:
        if not isinstance(text, str):
            raise RulebookError(source, [Problem("", f"a rulebook is text; got a {type(text).__name__}")])
        with yaml.RULEBOOK.not_too_deep(source):
            document = yaml.read_document(text, source)
            whole = joined(document, folder)
            found, faults = lists(whole, folder)
            written, checked = contents(whole, found, faults)
        # `checked` has been validated; building the subclass from its parts keeps pydantic from doing it twice.
        parts = {name: getattr(checked, name) for name in checked.model_fields_set}
        book = cls.model_construct(**parts)
        book._document, book._whole, book._folder = document, whole, folder  # noqa: SLF001 - a constructor fills in its own
        book._lists, book._as_written = found, written  # noqa: SLF001
        digests = {name: one.digest for name, one in found.items()}
        # Where a part stands, here or in a file that is included, changes nothing.
        own = {key: part for key, part in whole.data.items() if key != "include"}
        book._said = yaml.said(own | ({"lists": digests} if digests else {}))  # noqa: SLF001
        return book  # type: ignore[return-value] # mypy's plugin takes Self for the class here

    @classmethod
    def from_dict(
        cls, document: dict[str, Any], *, source: str = "rulebook", folder: str | os.PathLike[str] | None = None
    ) -> Self:
        """Make a rulebook from plain data, as YAML would give it; problems point into its YAML text.

        `folder` is where the files lie that it includes, and its lists in files.

        Raises
        ------
        RulebookError
            If the data is not a rulebook, or holds values that YAML cannot hold.
        """
        with yaml.RULEBOOK.not_too_deep(source):
            text = yaml.dump(yaml.plain(document, source))
        return cls.from_yaml(text, source=source, folder=folder)

    def but_for_thresholds(self) -> str:
        """What the rulebook says, with the files it names, its thresholds left out."""
        document = self._whole.data
        qualify = document["qualify"]
        segments = [{**segment, "threshold": None} for segment in qualify.get("segments", ())]
        lists = {name: one.digest for name, one in self._lists.items()}
        return repr(document | {"lists": lists, "qualify": qualify | {"threshold": None, "segments": segments}})

    def self_contained(self) -> str:
        """The text of an equal rulebook that needs no file beside it: what it includes, and lists in files, put in.

        Without such files it is the text as it is.
        """
        document = {key: part for key, part in self._whole.data.items() if key != "include"}
        in_files = any(isinstance(one, dict) for one in document.get("lists", {}).values())
        if "include" not in self._whole.data and not in_files:
            return self.to_yaml()
        lists = {name: [*one.values] for name, one in self._lists.items()}
        return yaml.dump(document | ({"lists": lists} if lists else {}))

    @property
    def digest(self) -> str:
        """SHA-256 of what it says, with the files it names; comments and layout change nothing."""
        return sha256(self._said.encode()).hexdigest()

    @property
    def as_written(self) -> Contents:
        """The contents with points as they stand in the file, before `weight_percent`."""
        return self._as_written

    @property
    def named_lists(self) -> Mapping[str, NamedList]:
        """The lists by name, those in files read."""
        return self._lists

    def to_dict(self) -> dict[str, Any]:
        """The file as plain data, a copy; without what it includes."""
        return deepcopy(self._document.data)

    def edited(self, changes: Mapping[Any, Any]) -> Self:
        r"""The same file with some things changed, and nothing else, so `git diff` shows the changes alone.

        Parameters
        ----------
        changes : dict of path to value
            A path names a key: `qualify.threshold`; in a rule by its name or position: `fit.Industry.points.SaaS`,
            `fit[0].missing`. A name with a dot is written as part of a tuple: `("fit", "Inc. 500", "points")`.
            The value takes the place of what stands there, whole if it is a table, list or rule. None takes it out. A
            name that is not there yet adds an entry: a value of a table, or with a whole rule a rule, at the end.

        Returns
        -------
        Rulebook

        Raises
        ------
        RulebookError
            If a path leads nowhere, two overlap, or the changed rulebook is not valid; with every problem.
        ArgumentError
            If `changes` is not a mapping.

        Notes
        -----
        Paths are read on the rulebook as it is, whatever else changes. `qualify`, `groups` and `totals` given whole
        must hold all that stands in them, so that no protection goes unseen: name what is to go, with None.

        Examples
        --------
        >>> text = "leadscore: 1\nname: demo\nfit: [{name: Size, column: size, points: {big: 9}}]\n"
        >>> rulebook = Rulebook.from_yaml(text + "qualify:\n  threshold: 9  # agreed in March\n")
        >>> print(rulebook.edited({"qualify.threshold": 8, "fit.Size.points.small": -5}).to_yaml())
        leadscore: 1
        name: demo
        fit: [{name: Size, column: size, points: {big: 9, small: -5}}]
        qualify:
          threshold: 8 # agreed in March
        <BLANKLINE>
        >>> rulebook.edited({"fit.Sise.points.big": 8, "qualify.treshold": 8})
        Traceback (most recent call last):
        leadscore.errors.RulebookError: 2 problems in rulebook
          fit.Sise.points.big: 'fit' has no 'Sise'; did you mean 'Size'?
          line 6, qualify.treshold: unknown key 'treshold'; did you mean 'threshold'?
              treshold: 8
              ^^^^^^^^
        """
        source = self._document.source
        data, problems = edits.applied(self._document.data, changes, self._whole)
        try:
            with yaml.RULEBOOK.not_too_deep(source):
                text = yaml.rewrite(self._document, yaml.plain(data, source))
            book = type(self)._from_text(text, source, self._folder)  # noqa: SLF001 - its own
        except RulebookError as error:
            raise RulebookError(source, [*problems, *error.problems]) from None
        if problems:
            raise RulebookError(source, problems)
        return book

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:  # noqa: ARG002 - pydantic's
        """Refused: a copy would differ from its text, by which rulebooks are equal and their plans are found.

        Raises
        ------
        TypeError
            Always; `edited` changes a rulebook and its text.
        """
        text = "by which rulebooks are equal and their plans are found"
        raise TypeError(f"a copy would differ from its text, {text}: change a rulebook with edited()")

    def bar(self) -> float:
        """The threshold, where it is to be moved.

        Raises
        ------
        ArgumentError
            If the rulebook has none.
        """
        if self.qualify.threshold is None:
            message = f"has no 'threshold': leads are {self.bar_in_words}, so there is no bar to move"
            raise ArgumentError(f"rulebook {self.name!r}", message)
        return self.qualify.threshold

    def beside(self, document: dict[str, Any]) -> Self:
        """Another rulebook from plain data, beside the same files."""
        text = yaml.dump(yaml.plain(document, self.source))
        return type(self)._from_text(text, self.source, self._folder)  # noqa: SLF001 - of its own kind

    @property
    def bar_in_words(self) -> str:
        """Who qualifies by score, in a few words."""
        qualify = self.qualify
        if qualify.threshold is not None:
            return f"qualified from {qualify.threshold:g} points"
        asked = [f"grade {', '.join(qualify.grades)}"] if qualify.grades else []
        least = {"fit": qualify.minimum_fit, "behaviour": qualify.minimum_behaviour}
        asked += [f"{side} {points:g}" for side, points in least.items() if points is not None]
        return f"qualified with {' and '.join(asked)}"

    def check(self, *, today: dt.date | None = None) -> list[Finding]:
        """What a reviewer should know before any data is seen, in the order of the file.

        Parameters
        ----------
        today : date, optional
            For the overdue review only; the day on the clock if not given. No figure of the package reads the clock.

        Returns
        -------
        list of Finding
            `code`, `message`, `line`, `path`; empty if there is nothing to say.
        """
        day = dt.date.today() if today is None else as_day(today, name="today")  # noqa: DTZ011 - the reader's own calendar
        return findings(self, self._whole, day)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rulebook) and self._said == other._said

    def __hash__(self) -> int:
        # `score_one` asks for it lead by lead, and pydantic's way to `_said` takes thirty times as long.
        return hash((self.__pydantic_private__ or {})["_said"])

    def __repr__(self) -> str:
        rules = f"{counted(len(self.fit), 'fit rule')} and {counted(len(self.behaviour), 'behaviour rule')}"
        return f"<Rulebook {self.name!r}: {rules}, {self.bar_in_words}>"

    __str__ = __repr__
