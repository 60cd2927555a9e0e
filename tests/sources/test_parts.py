"""Folders of parts: each is read by its own types, and the order of the files' names changes nothing."""

import datetime as dt
import os
from decimal import Decimal
from itertools import permutations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import leadscore as ls
from leadscore.errors import ContractError
from tests.support.bad_input import book, scored, written

MOMENT = dt.datetime(2026, 3, 30, 23, 30)  # noqa: DTZ001 - a wall clock
ZONED = MOMENT.replace(tzinfo=dt.UTC)
# What parts of a folder can hold in one column, and what the folder then means: the values, or None where refused.
TOGETHER = {
    "text and nothing": ([pa.array(["x"]), pa.nulls(1)], ["x", None]),
    "numbers and nothing": ([pa.array([7]), pa.nulls(1)], [7, None]),
    "nothing at all": ([pa.nulls(1), pa.nulls(1)], [None, None]),
    "three, one of them nothing": ([pa.array([1.5]), pa.nulls(1), pa.array([2])], [1.5, None, 2.0]),
    "texts": (
        [pa.array(["x"]), pa.array(["y"], pa.large_string()), pa.array(["z"]).dictionary_encode()],
        ["x", "y", "z"],
    ),
    "whole numbers": ([pa.array([1], pa.int8()), pa.array([2], pa.int64()), pa.array([3], pa.uint16())], [1, 2, 3]),
    "whole and real numbers": ([pa.array([1], pa.int32()), pa.array([0.5])], [1.0, 0.5]),
    "decimals": (
        [pa.array([Decimal("0.009")]), pa.array([1]), pa.array([Decimal("12.5")], pa.decimal128(20, 4))],
        [0.009, 1.0, 12.5],
    ),
    "units of times": (
        [pa.array([MOMENT], pa.timestamp("s")), pa.array([MOMENT], pa.timestamp("ns"))],
        [MOMENT, MOMENT],
    ),
    "days and wall clocks": (
        [pa.array([MOMENT.date()]), pa.array([MOMENT], pa.timestamp("us"))],
        [dt.datetime(2026, 3, 30), MOMENT],  # noqa: DTZ001 - a wall clock
    ),
    "zones": (
        [pa.array([ZONED], pa.timestamp("ms", "UTC")), pa.array([ZONED], pa.timestamp("us", "America/New_York"))],
        [ZONED, ZONED],
    ),
    "a lost zero": ([pa.array(["02139"]), pa.array([2139])], None),
    "text and times": ([pa.array(["2026-03-30"]), pa.array([MOMENT])], None),
    "wall clocks and UTC": (
        [pa.array([MOMENT], pa.timestamp("us")), pa.array([ZONED], pa.timestamp("us", "UTC"))],
        None,
    ),
    "days and UTC": ([pa.array([MOMENT.date()]), pa.array([ZONED], pa.timestamp("us", "UTC"))], None),
    "truth and numbers": ([pa.array([True]), pa.array([1])], None),
    "truth and text": ([pa.array([True]), pa.array(["true"])], None),
    "large whole numbers and real ones": ([pa.array([2**53 + 1]), pa.array([0.5])], None),
    "numbers past 2**63": ([pa.array([2**64 - 1], pa.uint64()), pa.array([-1])], None),
    "days and numbers": ([pa.array([MOMENT.date()]), pa.array([20_000])], None),
    "lists": ([pa.array([[1]]), pa.array([1])], None),
}


def folder_of(path, arrays, column, order):
    """A folder of one part each, the files' names in some order."""
    folder = path / "-".join(map(str, order))
    folder.mkdir()
    for name, place in zip("abc", order, strict=False):
        ids = pa.array([f"l{place}"])
        pq.write_table(pa.table({"lead_id": ids, column: arrays[place]}), folder / f"{name}.parquet")
    return folder


@pytest.mark.parametrize("case", TOGETHER)
def test_parts_are_brought_to_one_meaning_or_refused(case, tmp_path):
    arrays, wanted = TOGETHER[case]
    for order in permutations(range(len(arrays))):
        folder = folder_of(tmp_path, arrays, "x", order)
        if wanted is None:
            with pytest.raises(ContractError) as caught:
                ls.load_tables(folder)
            (problem,) = caught.value.problems
            assert problem.where == "leads.x"
            assert ".parquet" in problem.message
            continue
        leads = ls.load_tables(folder).leads
        assert leads["x"].to_pylist() == [wanted[place] for place in order]
        assert leads["lead_id"].to_pylist() == [f"l{place}" for place in order]


def test_what_cannot_be_one_column_names_both_files(tmp_path):
    folder = folder_of(tmp_path, TOGETHER["a lost zero"][0], "zip", (1, 0))
    parts = f"text in {folder}/b.parquet; whole numbers in {folder}/a.parquet"
    said = f"leads.zip: parts that cannot be read as one column: {parts}"
    with pytest.raises(ContractError) as caught:
        ls.load_tables(folder)
    assert said in str(caught.value)


IDS = {
    "whole and real": ([pa.array([2**53 + 1]), pa.array([7.0])], [2**53 + 1, 7]),
    "decimals": ([pa.array([Decimal(5)]), pa.array([7])], [5, 7]),
    "real past 2**53": ([pa.array([1]), pa.array([2.0**53])], None),
    "single precision past 2**24": ([pa.array([1]), pa.array([2.0**24], pa.float32())], None),
    "past 2**63": ([pa.array([2**63], pa.uint64()), pa.array([1], pa.uint64())], None),
    "a fraction": ([pa.array([1]), pa.array([0.5])], None),
    "text and numbers": ([pa.array(["01"]), pa.array([1])], None),
}


@pytest.mark.parametrize("case", IDS)
def test_ids_of_parts_are_the_same_ids_or_refused(case, tmp_path):
    arrays, wanted = IDS[case]
    for order in ((0, 1), (1, 0)):
        folder = tmp_path / str(order)
        folder.mkdir()
        for name, place in zip("ab", order, strict=True):
            pq.write_table(pa.table({"lead_id": arrays[place]}), folder / f"{name}.parquet")
        if wanted is None:
            with pytest.raises(ContractError, match=r"leads\.lead_id"):
                ls.load_tables(folder)
        else:
            assert ls.load_tables(folder).ids.array.to_pylist() == [wanted[place] for place in order]


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()])
@pytest.mark.parametrize("table", ["leads", "events", "outcomes"])
def test_real_numbers_that_run_together_are_no_ids(kind, table, tmp_path):
    large = 2.0 ** (53 if kind == pa.float64() else 24)
    ids = {"leads": [1, int(large)], "events": [1], "outcomes": [1]}
    held = {name: pa.array(numbers, pa.int64()) for name, numbers in ids.items()}
    held[table] = pa.array([1, large], kind)
    at = pa.array([MOMENT] * 2, pa.timestamp("us"))
    tables = {
        "leads": pa.table({"lead_id": held["leads"]}),
        "events": pa.table(
            {"lead_id": held["events"], "event": ["e"] * len(held["events"]), "at": at[: len(held["events"])]}
        ),
        "outcomes": pa.table(
            {"lead_id": held["outcomes"], "stage": ["mql"] * len(held["outcomes"]), "at": at[: len(held["outcomes"])]}
        ),
    }
    for name, content in tables.items():
        pq.write_table(content, tmp_path / f"{name}.parquet")
    for parts in (tables.values(), [tmp_path / f"{name}.parquet" for name in tables]):
        with pytest.raises(ContractError, match=rf"{table}\.lead_id: 1 id as floating-point numbers from 2\*\*"):
            ls.load_tables(*parts)


def test_an_id_with_a_character_that_is_not_seen_is_said():
    leads = pd.DataFrame({"lead_id": ["a", "a\u200b", "\ufeffb", "a\u00a0"]})
    with pytest.raises(ContractError, match=r"leads.lead_id: 3 rows: a lead_id with a character that is not seen"):
        ls.load_tables(leads)
    assert ls.load_tables(leads, strict=False).ids.array.to_pylist() == ["a"]


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("strict", [True, False])
def test_csv_parts_with_and_without_zones_are_refused_in_either_order(order, strict, tmp_path):
    for name, at in zip(order, ("2026-03-30 23:30", "2026-03-30 23:30Z"), strict=True):
        written(tmp_path, f"{name}.csv", f"lead_id,event,at\na,e,{at}\n")
    # What comes after is not read any more.
    written(tmp_path, "c.csv", "lead_id,event,at\na,e,2026-03-30 23:30\n")
    rulebook = ls.Rulebook.from_yaml(book(behaviour="{name: e, event: e, points: 1}"))
    with pytest.raises(
        ContractError, match=r"events\.at: times with a zone .*line 2 of .*a\.csv and .* line 2 of .*b\.csv"
    ):
        scored(rulebook, pd.DataFrame({"lead_id": ["a"]}), tmp_path, strict=strict)


@pytest.mark.parametrize("empty", ["a", "b"])
def test_a_part_without_rows_is_read(empty, tmp_path):
    events = pa.table({"lead_id": ["a"], "event": ["e"], "at": pa.array([MOMENT], pa.timestamp("us"))})
    for name in "ab":
        pq.write_table(events.slice(0, 0 if name == empty else 1), tmp_path / f"{name}.parquet")
    rulebook = ls.Rulebook.from_yaml(book(behaviour="{name: e, event: e, points: 1}"))
    assert scored(rulebook, pd.DataFrame({"lead_id": ["a"]}), tmp_path).frame["total"].to_list() == [1]


def test_a_column_that_only_some_parts_have_is_not_passed_over(tmp_path):
    for name, head, row in (("a", "lead_id", "a"), ("b", "lead_id,created_at", "b,2026-07-01")):
        written(tmp_path, f"{name}.csv", f"{head}\n{row}\n")
    rulebook = ls.Rulebook.from_yaml(book(fit="{name: n, when: {lead_id: {known: true}}, points: 1}"))
    with pytest.raises(ContractError, match=r"leads\.created_at: .*a\.csv has no such column"):
        scored(rulebook, tmp_path)


COUNTRY = {"plain": pa.string(), "large": pa.large_string(), "coded": pa.dictionary(pa.int32(), pa.string())}


@pytest.mark.parametrize("kind", COUNTRY)
def test_a_column_may_stand_in_folders_names_and_in_files(kind, tmp_path):
    """As where one part was written without folders, or with the column in both: then the file says what it is."""
    paths = ("country=US%2FCA", "country=__HIVE_DEFAULT_PARTITION__", "country=02139", "old", "country=NO")
    for place, path in enumerate(paths):
        (tmp_path / path).mkdir()
        held = {"lead_id": [str(place)]}
        if place >= 3:
            held["country"] = pa.array(["SE"]).cast(COUNTRY[kind])
        pq.write_table(pa.table(held), tmp_path / path / "a.parquet")
    leads = ls.load_tables(tmp_path).leads
    found = dict(zip(leads["lead_id"].to_pylist(), leads["country"].to_pylist(), strict=True))
    assert found == {"0": "US/CA", "1": None, "2": "02139", "3": "SE", "4": "SE"}


def test_a_glob_that_finds_a_file_twice_reads_it_once(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    written(tmp_path / "a" / "b", "e.csv", "lead_id,event,at\na,e,2026-03-30\n")
    rulebook = ls.Rulebook.from_yaml(book(behaviour="{name: e, event: e, points: 1, count: each, at_most: 10}"))
    found = scored(rulebook, pd.DataFrame({"lead_id": ["a"]}), f"{tmp_path}/**/**/*.csv")
    assert found.frame["total"].to_list() == [1]


CONTENT = pa.table({"lead_id": [f"l{place}" for place in range(2000)], "country": ["US", "CA"] * 1000})


@pytest.mark.parametrize("damage", ["cut", "empty", "junk", "page", "footer"])
def test_a_damaged_part_is_named(damage, tmp_path):
    for name in "abc":
        pq.write_table(
            CONTENT.slice(0, 1000 if name == "a" else 500), tmp_path / f"{name}.parquet", write_page_checksum=True
        )
    data = (tmp_path / "b.parquet").read_bytes()
    middle = bytes(byte ^ 255 for byte in data[200:260])
    spoilt = {
        "cut": data[: len(data) // 2],
        "empty": b"",
        "junk": b"PAR1" + b"\xff" * 100 + b"PAR1",
        "page": data[:200] + middle + data[260:],
        "footer": data[:-60] + b"\xff" * 40 + data[-20:],
    }
    written(tmp_path, "b.parquet", spoilt[damage])
    for strict in (True, False):
        with pytest.raises(ContractError, match=r"b\.parquet"):
            ls.load_tables(tmp_path, strict=strict)


def test_a_cell_that_was_changed_is_found_by_the_pages_checksum(tmp_path):
    path = tmp_path / "l.parquet"
    pq.write_table(CONTENT, path, compression="none", use_dictionary=False, write_page_checksum=True)
    written(tmp_path, "l.parquet", path.read_bytes().replace(b"\2\0\0\0US", b"\2\0\0\0CA", 7))
    with pytest.raises(ContractError, match=r"l\.parquet cannot be read: .*CRC"):
        ls.load_tables(path)


def test_codes_without_a_value_are_refused():
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 829_175_092], pa.int32()), pa.array(["US"]), safe=False)
    with pytest.raises(ContractError, match=r"leads\.country: "):
        ls.load_tables(pa.table({"lead_id": ["a", "b"], "country": codes}))


@pytest.mark.parametrize("place", ["itself", "in a folder", "in a glob"])
def test_a_pipe_is_refused_at_once(place, tmp_path):
    pipe = tmp_path / "in.csv"
    os.mkfifo(pipe)
    path = {"itself": pipe, "in a folder": tmp_path, "in a glob": tmp_path / "*.csv"}[place]
    with pytest.raises(ContractError, match=r"leads: '.*in\.csv' is not a file but a pipe; write the table to a file"):
        ls.load_tables(path)


def test_devices_and_links_to_nothing_are_refused(tmp_path):
    with pytest.raises(ContractError, match="'/dev/null' is not a file but a device"):
        ls.load_tables("/dev/null")
    written(tmp_path, "a.csv", "lead_id\na\n")
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(ContractError, match=r"b\.csv' is not a file but a link to nothing"):
        ls.load_tables(tmp_path)


@pytest.mark.parametrize("others", [["1,200"], ["12,5"], ["1.200.000"], ["1.200,50"]])
def test_a_point_that_may_part_thousands_is_said(others):
    rulebook = ls.Rulebook.from_yaml(book(fit="{name: n, column: employees, from: {0: 1, 1000: 2}}"))
    leads = pd.DataFrame({"lead_id": ["a", "b", "c"], "employees": ["1.200", "850", *others]})
    with pytest.raises(ContractError, match=r"leads\.employees: 1 row: a point that may be decimal or part thousands"):
        scored(rulebook, leads)
    assert scored(rulebook, leads, strict=False).frame["fit"].to_dict() == {"b": 1}
    assert scored(rulebook, leads.iloc[:2]).frame["fit"].to_list() == [1, 1]
