"""What values mean: stages, pipelines, and the forms and campaigns that ask for sales."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from leadscore.base.stages import STAGES
from leadscore.base.text import normalise
from leadscore.errors import did_you_mean
from leadscore.start.draft import Draft
from leadscore.start.marks import in_line
from leadscore.start.question import NONE, Path, Question
from leadscore.start.seen import counts_of, most, plain
from leadscore.start.words import is_request, request_name, stage_of


def lifecycle_field(draft: Draft) -> Iterator[Question]:
    """The field whose history is the lifecycle, where a vendor lets users name it."""
    for _, name, block in [step for step in draft.steps() if step[0] == "outcomes"]:
        fixed = {column: value for column, value in block.get("where", {}).items() if value == "Lifecycle Status"}
        for column in fixed:
            rest = {key: value for key, value in block["where"].items() if key != column}
            kept, block["where"] = (
                block["where"],
                in_line(plain(rest) or {block["from"]: {"known": True}}),
            )
            if not rest:
                del block["where"]
            fields = counts_of(draft, "outcomes", name, column)
            block["where"] = kept
            if "Lifecycle Status" in fields or not fields:
                continue
            likely = sorted(
                fields,
                key=lambda field: (
                    -bool(re.search("lifecycle|stage", field, re.IGNORECASE)),
                    -bool(re.search("status", field, re.IGNORECASE)),
                    -fields[field],
                    field,
                ),
            )

            def take(text: str, block: Any = block, column: str = column, fields: Any = fields) -> None:
                if text not in fields:
                    raise ValueError(f"the fields are {most(fields)}")
                block["where"][column] = text

            yield Question(
                f"outcomes.{name}: fields that changed: {most(fields)}",
                "Which field is the lifecycle?",
                likely[0],
                ("outcomes", name, "where"),
                take,
            )


def pipeline(draft: Draft) -> Iterator[Question]:
    """Deals of one pipeline: renewals are no new business."""
    for source, spec in draft.tree["sources"].items():
        pipelines = draft.exports[source].cells.get("Pipeline")
        if draft.exports[source].preset != "hubspot" or not pipelines or len(pipelines.counts) < 2 or pipelines.many:
            continue
        dated = [header for header in draft.exports[source].rename if "(" in header]
        default = max(
            pipelines.counts,
            key=lambda one: (any(f"({one})" in header for header in dated), pipelines.counts[one], one),
        )

        def take(text: str, spec: Any = spec, held: Any = pipelines.counts) -> None:
            if normalise(text) == "all":
                spec.pop("where", None)
                return
            if text not in held:
                raise ValueError(f"the pipelines are {most(held)}; or answer all")
            spec["where"] = in_line({"Pipeline": text})

        yield Question(
            f"{source}: pipelines {most(pipelines.counts)}",
            "Which one counts as new business (a name, or all)?",
            default,
            ("sources", source, "where"),
            take,
        )


def stages(draft: Draft) -> Iterator[Question]:
    """The stage that each status means; a column that several blocks read is asked about once."""
    readers: dict[tuple[str, str], list[tuple[str, Any]]] = {}
    for _, name, block in [step for step in draft.steps() if step[0] == "outcomes"]:
        if isinstance(block.get("stage"), dict) and "values" in block["stage"]:
            readers.setdefault((str(block.get("where")), block["stage"]["column"]), []).append((name, block["stage"]))
    for (_, column), held in readers.items():
        name = held[0][0]
        counts = counts_of(draft, "outcomes", name, column)
        known = {normalise(str(value)) for _, stage in held for value in stage["values"]}
        fresh = {value: stage_of(value) for value in counts if normalise(value) not in known}
        tables = [stage["values"] for _, stage in held]
        for value, (meant, _) in fresh.items():
            _put(tables, value, meant)
        doubtful = {value: meant for value, (meant, certain) in fresh.items() if not certain}
        if not doubtful:
            continue

        def take(text: str, tables: list[Any] = tables, counts: Any = counts) -> None:
            for value, meant in _pairs(text, counts).items():
                _put(tables, value, meant)

        default = ", ".join(f"{value} = {meant or NONE}" for value, meant in doubtful.items())
        seen = f"outcomes.{name}, {column}: {most(counts)}"
        ask = f"Which stage does each mean ({', '.join(STAGES)}, or none)?"
        yield Question(seen, ask, default, ("outcomes", name, "stage"), take)


def apps(draft: Draft) -> Iterator[Question]:
    """The sites and apps whose events count: a test site shares the table of the real one."""
    for source, spec in draft.tree["sources"].items():
        held = draft.exports[source].cells.get("app_id")
        if draft.exports[source].preset != "snowplow" or not held or len(held.counts) < 2 or held.many:
            continue
        real = [app for app in held.counts if not re.search("stag|test|dev|qa|local|sandbox", app, re.IGNORECASE)]

        def take(text: str, spec: Any = spec, held: Any = held.counts) -> None:
            chosen = [part.strip() for part in text.split(";")]
            if strange := [app for app in chosen if app not in held]:
                raise ValueError(f"there is no {strange[0]!r}; the apps are {most(held)}, written with ; between")
            spec["where"] = in_line({"app_id": chosen})

        default = "; ".join(real or held.counts)
        seen = f"{source}: events of {most(held.counts)}"
        yield Question(seen, "Which apps count (with ; between)?", default, ("sources", source, "where"), take)


def _put(tables: list[Any], value: str, stage: str | None) -> None:
    """Write what a status means into the block that has the stage; into the last, if none has."""
    own = next((table for table in tables if stage in table.values()), tables[-1])
    for table in tables:
        table.pop(value, None)
    own[value] = stage


def _pairs(text: str, known: Any) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    theirs = {normalise(value): value for value in known}
    # A value may hold commas itself: each pair ends with a stage.
    for value, stage in re.findall(rf"\s*(.+?)\s*=\s*({'|'.join((*STAGES, NONE))})\s*(?:,|$)", text):
        if normalise(value) not in theirs:
            raise ValueError(f"there is no value {value!r}{did_you_mean(value, known)}")
        found[theirs[normalise(value)]] = None if stage == NONE else stage
    if not found:
        raise ValueError("write each as VALUE = STAGE, with commas between")
    return found


def requests(draft: Draft) -> Iterator[Question]:
    """The forms, campaigns and events that ask for sales."""
    takers: list[tuple[Path, Counter[str], Callable[[list[str]], None]]] = []
    for _, name, block in [step for step in draft.steps() if step[0] == "events"]:
        event = block["event"]
        if isinstance(event, dict) and "cases" in event:
            takers += _case_takers(draft, name, event)
        elif isinstance(event, dict) and event.get("other") == "form_fill":
            takers.append(
                (("events", name, "event"), counts_of(draft, "events", name, event["column"]), _value_taker(event))
            )
    seen = Counter[str]()
    for _, counts, _ in takers:
        seen += counts
    if not seen:
        return
    likely = [value for value in seen if is_request(value)]

    def take(text: str) -> None:
        chosen = [] if normalise(text) == NONE else [part.strip() for part in text.split(";")]
        if strange := [value for value in chosen if value not in seen]:
            raise ValueError(
                f"there is no {strange[0]!r}{did_you_mean(strange[0], seen)}; write them with ; between, or none"
            )
        for _, counts, put in takers:
            put([value for value in chosen if value in counts])

    default = "; ".join(likely) or NONE
    yield Question(
        f"forms and campaigns: {most(seen)}",
        "Which of them ask for sales (with ; between, or none)?",
        default,
        takers[0][0],
        take,
    )


def _value_taker(event: Any) -> Callable[[list[str]], None]:
    def put(chosen: list[str]) -> None:
        event["values"] = in_line({value: request_name(value) for value in chosen})

    return put


def _case_takers(
    draft: Draft, name: str, event: Any
) -> Iterator[tuple[Path, Counter[str], Callable[[list[str]], None]]]:
    for case in event["cases"]:
        column = next(
            (column for column, test in case["when"].items() if isinstance(test, dict) and "has_word" in test), None
        )
        if case["value"] != "demo_request" or column is None:
            continue
        rest = {key: test for key, test in case["when"].items() if key != column}
        counts = counts_of(draft, "events", name, column, rest)

        def put(chosen: list[str], case: Any = case, column: str = column, rest: Any = rest) -> None:
            groups: dict[str, list[str]] = {}
            for value in chosen:
                groups.setdefault(request_name(value), []).append(value)
            position = event["cases"].index(case)
            event["cases"].remove(case)
            for asked, values in groups.items():
                when = plain(rest) | {column: values if len(values) > 1 else values[0]}
                event["cases"].insert(position, in_line({"when": when, "value": asked}))

        yield ("events", name, "event"), counts, put
