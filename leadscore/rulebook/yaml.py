"""Files that people write, in and out: YAML 1.2 read with every position kept, and written back with a minimal diff."""

from __future__ import annotations

import datetime as dt
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from io import StringIO
from typing import Any

from merge3 import Merge3
from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from leadscore.errors import LeadscoreError, Problem, RulebookError

Path = tuple[str | int | float | bool, ...]
Fault = tuple[Path, str, bool]  # where something is wrong, what is, and whether the key is meant, not its value

# A book of 60 rules is about 10 kB; the pure-Python parser needs 10 s for 1 MB, so a stray export ends here, at once.
LARGEST = 150_000

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+")
_DIRECTIVE = re.compile(r"\ufeff?(?:[ \t]*(?:#[^\n]*)?\r?\n)*%")
_BOOLEANS, _LEADING_ZERO = {"true": True, "false": False}, re.compile(r"[-+]?0[0-9]+")
# Brackets open at once, quoted ones too: the parser takes time by the square of them.
_DEEPEST = 300
_WIDEST_EXCERPT = 100
# What the YAML standard calls printable, the other way round.
_FORBIDDEN = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FOLDED = re.compile("[\x85\u2028\u2029]")


@dataclass(frozen=True)
class Form:
    """A kind of file.

    Attributes
    ----------
    name : str
        What messages call it.
    head : str
        The line it begins with.
    error : class
        What is raised where it cannot be used.
    ignores : str
        Keys whose table may say null of a value; empty where none may.
    entries : str
        What the entries are of a file that is a list; it is read as a mapping of this one key.
    """

    name: str
    head: str
    error: type[LeadscoreError]
    ignores: str = ""
    entries: str = ""

    @contextmanager
    def not_too_deep(self, source: str) -> Iterator[None]:
        """Say so where nesting exhausts the stack, here or in a parser."""
        try:
            yield
        except RecursionError:
            raise self.error(source, [self.too_deep]) from None

    @property
    def too_deep(self) -> Problem:
        """What is said of brackets within brackets within brackets."""
        return Problem("", f"nested too deeply to be a {self.name}")

    def read(self, path: str | os.PathLike[str]) -> str:
        """The text of a file, UTF-8.

        Raises
        ------
        LeadscoreError
            If there is no such file, it is too large, or it is not UTF-8 text.
        """
        try:
            with pathlib.Path(path).open("rb") as file:
                # A device or a pipe may give without end.
                data = file.read(4 * LARGEST + 1)
            if len(data) > 4 * LARGEST:
                message = f"more than {4 * LARGEST:,} bytes; a {self.name} has at most {LARGEST:,} characters"
                raise self.error(str(path), [Problem("", message)])
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            message = f"not UTF-8 text: byte 0x{error.object[error.start]:02x}; save the file as UTF-8"
            raise self.error(str(path), [Problem(f"line {line}", message)]) from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise self.error(str(path), [Problem("", f"cannot be read: {reason}")]) from None


RULEBOOK = Form("rulebook", "leadscore: 1", RulebookError)


@dataclass(frozen=True)
class Span:
    """Where a key or a value stands; lines and columns count from 0."""

    line: int
    column: int
    width: int
    of: Document | None = field(default=None, compare=False, repr=False)  # the file, where it is another


@dataclass
class Document:
    """A YAML file as plain data, with the place of each key and value.

    Attributes
    ----------
    data : dict
        What the file says: mappings, lists, text, numbers, booleans.
    values, keys : dict of path to Span
        `values[("fit", 0, "points")]` is where that value stands, `keys[...]` its key.
    faults : list of (path, message, on_key)
        What is wrong with the text as YAML, though it could be read.
    """

    source: str
    text: str
    form: Form = RULEBOOK
    data: dict[Any, Any] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def span(self, path: Path, *, on_key: bool = False) -> Span:
        """The place of `path`, or of the nearest part around it that stands in the file."""
        for length in range(len(path), -1, -1):
            first, second = (self.keys, self.values) if on_key or length < len(path) else (self.values, self.keys)
            found = first.get(path[:length]) or second.get(path[:length])
            if found:
                return found
        return Span(0, 0, 1)

    def problem(self, path: Path, message: str, *, on_key: bool = False) -> Problem:
        """A problem at `path`, with its line and a caret under the place."""
        return self.at(self.span(path, on_key=on_key), message, path)

    def at(self, span: Span, message: str, path: Path = ()) -> Problem:
        """A problem on the line of `span`."""
        file = span.of or self
        where = f"line {span.line + 1}" + (f" of {file.source}" if file is not self else "")
        return Problem(where + (f", {dotted(path)}" if path else ""), message, file.excerpt(span))

    def excerpt(self, span: Span) -> str:
        """The line of `span` with carets under it, a long line cut around it."""
        lines = self.text.split("\n")
        line = lines[min(span.line, len(lines) - 1)].replace("\t", " ").rstrip("\r")
        start = max(0, span.column - _WIDEST_EXCERPT // 2) if len(line) > _WIDEST_EXCERPT else 0
        shown = line[start : start + _WIDEST_EXCERPT]
        if start:
            shown = "..." + shown[3:]
        if start + _WIDEST_EXCERPT < len(line):
            shown = shown[:-3] + "..."
        column = min(span.column - start, len(shown))
        indent = len(shown) - len(shown.lstrip())
        width = max(1, min(span.width, len(shown) - column))
        return shown.strip() + "\n" + " " * (column - min(indent, column)) + "^" * width


def dotted(path: Path) -> str:
    """A path as people read it.

    Examples
    --------
    >>> dotted(("fit", 0, "points", "VP"))
    'fit[0].points.VP'
    """
    text = "".join(f"[{part}]" if type(part) is int else f".{part}" for part in path)
    return text.removeprefix(".")


def read_document(text: str, source: str, form: Form = RULEBOOK) -> Document:
    """Read YAML 1.2 into plain data; tags, aliases, repeated keys and empty values are noted as faults.

    Raises
    ------
    LeadscoreError
        If the text is no YAML mapping (or list) at all, or is larger than such a file can be.
    """
    document = Document(source, text, form)
    if problem := _unreadable(document):
        raise form.error(source, [problem])
    try:
        root = _yaml().compose(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        span = Span(mark.line, mark.column, 1) if mark else Span(0, 0, 1)
        raise form.error(source, [document.at(span, f"not valid YAML: {error.problem or error.context}")]) from None
    except NotImplementedError:
        what = "not valid YAML: a comment stands where it cannot be kept, as ': #' without a key"
        raise form.error(source, [Problem("", what)]) from None
    except (YAMLError, ValueError, OverflowError) as error:
        # Some of ruamel's errors (a broken escape) carry no mark.
        raise form.error(source, [Problem("", f"not valid YAML: {str(error).splitlines()[0]}")]) from None
    read = _Reader(document)
    if form.entries and isinstance(root, SequenceNode):
        document.data = {form.entries: read.value(root, (form.entries,))}
    elif isinstance(root, MappingNode) and not form.entries:
        document.data = read.mapping(root, ())
    else:
        shapes = {MappingNode: "a mapping", SequenceNode: "a list", type(None): "nothing"}
        message = f"a {form.name} is a {'list' if form.entries else 'mapping'} that begins with {form.head!r}"
        raise form.error(source, [Problem("line 1", f"{message}; found {shapes.get(type(root), 'a single value')}")])
    return document


def _unreadable(document: Document) -> Problem | None:
    """What the parser would take too long over, misread, or say badly."""
    text = document.text
    if len(text) > LARGEST:
        return Problem("", f"{len(text):,} characters; a {document.form.name} has at most {LARGEST:,}")
    if directive := _DIRECTIVE.match(text):
        # %YAML 1.1 would make NO false again.
        span = Span(text.count("\n", 0, directive.end()), 0, 1)
        return document.at(span, f"lines that begin with % are refused; a {document.form.name} is YAML 1.2")
    if _deepest(text) > _DEEPEST:
        return document.form.too_deep
    if forbidden := _FORBIDDEN.search(text):
        line = text.count("\n", 0, forbidden.start())
        return Problem(f"line {line + 1}", f"not valid YAML: the character {forbidden[0]!a} is not allowed")
    return None


def _deepest(text: str) -> int:
    """How many brackets are open at once, at most."""
    depth = deepest = 0
    for bracket in re.finditer(r"[\[\]{}]", text):
        depth = depth + 1 if bracket[0] in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


class _Reader:
    """Turns the composed nodes to plain data. Nothing is ever built from a tag, and no alias is followed."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.plain_only = f"a {document.form.name} holds plain values only"
        self.seen: set[int] = set()

    def fault(self, path: Path, message: str, *, on_key: bool = False) -> None:
        self.document.faults.append((path, message, on_key))

    def value(self, node: Node, path: Path) -> Any:
        end = node.end_mark.column if node.end_mark.line == node.start_mark.line else node.start_mark.column + 1
        self.document.values.setdefault(
            path, Span(node.start_mark.line, node.start_mark.column, end - node.start_mark.column)
        )
        if id(node) in self.seen:
            self.fault(path, f"the alias *{node.anchor} repeats a part of the file; write the value out")
            return None
        self.seen.add(id(node))
        if isinstance(node, MappingNode) and str(node.tag) == _TAG + "map":
            return self.mapping(node, path)
        if isinstance(node, SequenceNode) and str(node.tag) == _TAG + "seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and str(node.tag).startswith(_TAG):
            return self.scalar(node, path)
        self.fault(path, f"the tag {str(node.tag).replace(_TAG, '!!')} is refused; {self.plain_only}")
        return None

    def mapping(self, node: MappingNode, path: Path) -> dict[Any, Any]:
        self.seen.add(id(node))
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in result:
                lines = f"{self.document.keys[here].line + 1} and {key_node.start_mark.line + 1}"
                self.fault(path, f"the key {key!r} is written twice, on lines {lines}")
                continue
            width = key_node.end_mark.column - key_node.start_mark.column
            self.document.keys[here] = Span(key_node.start_mark.line, key_node.start_mark.column, max(1, width))
            if isinstance(value_node, ScalarNode) and not value_node.value and value_node.style is None:
                # An empty value is marked where the parser noticed it, which is further down.
                self.document.values[here] = self.document.keys[here]
            result[key] = self.value(value_node, here)
        return result

    def key(self, node: Node, path: Path) -> Any:
        if str(node.tag) == _TAG + "merge":
            self.fault(path, "the merge key << is refused; write the keys out")
        elif not isinstance(node, ScalarNode):
            self.fault(path, "a key is a single word, text or number, not a list or a mapping")
        elif id(node) in self.seen:
            self.fault(path, f"the alias *{node.anchor} repeats a part of the file; write the key out")
        else:
            self.seen.add(id(node))
            return self.scalar(node, path)
        return None

    def scalar(self, node: ScalarNode, path: Path) -> Any:
        text, tag = node.value, str(node.tag).removeprefix(_TAG)
        if tag in {"str", "timestamp"}:
            return text
        quoted = node.style in {"'", '"', "|", ">"}
        if quoted or tag not in {"null", "bool", "int", "float"} or (tag == "bool" and text.lower() not in _BOOLEANS):
            self.fault(path, f"the tag !!{tag} is refused; {self.plain_only}")
        elif tag == "null" and text and path[-2:-1] == (self.document.form.ignores,):
            return None
        elif tag == "null":
            self.fault(path, "has no value; write one, or leave the key out")
        elif tag == "bool":
            return _BOOLEANS[text.lower()]
        elif _LEADING_ZERO.fullmatch(text):
            self.fault(path, f"{text} would lose its leading zero as a number; put it in quotes")
        elif tag == "int" and _INTEGER.fullmatch(text):
            return self.number(text, path, lambda: int(text, 0))
        elif tag == "float" and "_" not in text:
            return self.number(text, path, lambda: float(re.sub(r"\.(inf|nan)$", r"\1", text.lower())))
        else:
            return text
        return None

    def number(self, text: str, path: Path, read: Callable[[], float]) -> float | None:
        try:
            return read()
        except ValueError:  # too long for Python, or a tag that lies
            self.fault(path, f"{text[:40]} is not a number that a computer can hold")
            return None


def dump(data: Any) -> str:
    """Data as YAML text, keys in their order."""
    out = StringIO()
    _yaml().dump(data, out)
    return out.getvalue()


def loaded(text: str) -> Any:
    """Text as a tree that keeps its comments, to be changed and written by `dump`."""
    return _yaml().load(StringIO(text))


def rewrite(document: Document, data: dict[Any, Any]) -> str:
    """The same file with other content: only the lines that change are touched, and comments stay.

    ruamel.yaml keeps comments and order but not every space, so three texts are merged: the file, what ruamel makes of
    it unchanged, and what it makes of it changed. Where both differ the change wins.
    """
    newline = "\r\n" if "\r\n" in document.text else "\n"
    text = document.text.replace("\r\n", "\n")
    # A tree that was written once has lost its place in comments, so the file is read twice.
    before, after = dump(_yaml().load(text)), dump(_graft(_yaml().load(text), document.data, data))
    base, ours, theirs = (part.splitlines(keepends=True) for part in (before, text, after))
    merged: list[str] = []
    for kind, *lines in Merge3(base, ours, theirs).merge_groups():
        merged += _settled(*lines) if kind == "conflict" else lines[0]
    # A layout that ruamel moves about can defeat the merge; the content comes first then.
    result = "".join(merged) if _says("".join(merged), document.form, data) else after
    return result.replace("\n", newline)


def _settled(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    """Lines laid out by hand that also lie near a change: ours where the change left them, else the change."""
    if len(base) != len(ours):
        return list(theirs)
    result = list(theirs)
    for start, at, size in SequenceMatcher(None, base, theirs, autojunk=False).get_matching_blocks():
        result[at : at + size] = ours[start : start + size]
    return result


def said(data: Any) -> str:
    """What plain data says, whatever the order of its keys: equal for 10 and 10.0, not for 1 and true."""
    if isinstance(data, dict):
        return "{" + ", ".join(sorted(f"{said(key)}: {said(value)}" for key, value in data.items())) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(map(said, data)) + "]"
    return repr(int(data)) if isinstance(data, float) and data.is_integer() else repr(data)


def _says(text: str, form: Form, data: dict[Any, Any]) -> bool:
    try:
        return said(read_document(text, "", form).data) == said(data)
    except LeadscoreError:
        return False


def _graft(tree: Any, old: Any, new: Any) -> Any:
    """Write `new` into the commented `tree`, which says `old`, replacing only what differs."""
    if said(old) == said(new):
        return tree
    if isinstance(old, dict) and isinstance(new, dict) and new:
        for key in [key for key in tree if key not in new]:
            del tree[key]
        for place, (key, value) in enumerate(new.items()):
            if value in ([], {}):
                # A comment between a key and what has become empty would be written where it breaks the file.
                tree.ca.items.get(key, [None] * 4)[3] = None
            if key in tree:
                tree[key] = _graft(tree[key], old[key], value)
            else:
                tree.insert(place, key, value)
        return tree
    if isinstance(old, list) and isinstance(new, list) and _names(old) and _names(new):
        return _graft_named(tree, old, new)
    if isinstance(old, list) and isinstance(new, list) and tree.fa.flow_style():
        # In one line, as it was.
        del tree[:]
        tree.extend(new)
        return tree
    return new


def _graft_named(tree: Any, old: list[Any], new: list[Any]) -> Any:
    # Rules are known by their names, or what they say, so that one taken out does not rewrite all below it.
    names, wanted = _names(old), _names(new)
    if len(old) == len(new) and all(_renamed(*rules) for rules in zip(old, new, strict=True)):
        names = wanted
    if [name for name in names if name in wanted] != [name for name in wanted if name in names]:
        return new
    for index in reversed([index for index, name in enumerate(names) if name not in wanted]):
        del tree[index]
    for index, (name, item) in enumerate(zip(wanted, new, strict=True)):
        if name in names:
            tree[index] = _graft(tree[index], old[names.index(name)], item)
        else:
            tree.insert(index, item)
    return tree


def _renamed(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether two rules differ in what they say, or in their names, but not in both."""
    return old.get("name") == new.get("name") or old | {"name": new.get("name")} == new


def _names(items: list[Any]) -> list[str]:
    """What tells the rules of a list apart: their names, or else what they say; empty if it is no such list."""
    names = [str(item.get("name", said(item))) for item in items if isinstance(item, dict)]
    return names if len(set(names)) == len(items) else []


class _Constructor(RoundTripConstructor):
    """Dates stay the text they are: 2026-13-45 is read, too, and said to be no day by whoever wants one."""


_Constructor.add_constructor(_TAG + "timestamp", RoundTripConstructor.construct_yaml_str)


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.Constructor = _Constructor
    yaml.preserve_quotes = True
    yaml.allow_duplicate_keys = True
    yaml.width = LARGEST
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def plain(data: Any, source: str) -> Any:
    """A copy of `data` in the types that YAML can hold; dates become text.

    Raises
    ------
    RulebookError
        Naming each value that is of another type.
    """
    problems: list[Problem] = []

    def copy(value: Any, path: Path) -> Any:
        if isinstance(value, Mapping):
            return {key_of(key, path): copy(v, (*path, key)) for key, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [copy(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, dt.date):
            return value.isoformat()
        if isinstance(value, str) and _FOLDED.search(value):
            problems.append(Problem(dotted(path), f"{value!r} holds a line separator, which YAML folds to a space"))
        if value is not None and type(value) not in {str, int, float, bool}:
            problems.append(Problem(dotted(path), f"{value!r} is a {type(value).__name__}, which YAML cannot hold"))
        return value

    def key_of(key: Any, path: Path) -> Any:
        if isinstance(key, (Mapping, list, tuple)):
            message = f"the key {key!r} is a {type(key).__name__}, which YAML cannot hold"
            problems.append(Problem(dotted(path), message))
            return repr(key)
        return copy(key, path)

    result = copy(data, ())
    if problems:
        raise RulebookError(source, problems)
    return result
