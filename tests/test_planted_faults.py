"""Silent faults planted in the code on purpose: trying damaged inputs sees each of them."""

import random
import zipfile
from pathlib import Path

import pyarrow.parquet
import pytest

import leadscore as ls
from leadscore.drift.balance import state
from leadscore.learn.card import model_file
from leadscore.scoring import scores
from leadscore.sources.contract import Breaches
from leadscore.sources.csv_files import CsvFile
from leadscore.threshold import trials
from tests.support import damage
from tests.support.second_reading import Silent, Unsure

pytestmark = pytest.mark.slow
SEED, MOST = 12, 200


def a_point_more(patch):
    found = scores.verdicts
    patch.setattr(scores, "verdicts", lambda bound: found(bound).assign(total=lambda frame: frame["total"] + 1))


def a_point_more_from_the_second_time_on(patch):
    found, times = scores.verdicts, []

    def verdicts(bound):
        times.append(1)
        return found(bound).assign(total=lambda frame: frame["total"] + (len(times) > 1))

    patch.setattr(scores, "verdicts", verdicts)


def a_last_line_without_end_lost(patch):
    found = CsvFile._by_arrow  # noqa: SLF001 - it is to be broken

    def by_arrow(self, *given):
        whole = Path(self.path).read_bytes().endswith((b"\n", b"\r"))
        return (batch if whole else batch.slice(0, len(batch) - 1) for batch in found(self, *given))

    patch.setattr(CsvFile, "_by_arrow", by_arrow)


def rows_set_aside_unsaid(patch):
    found = Breaches.rejected
    patch.setattr(Breaches, "rejected", lambda self: found(self)[:0])


def checksums_not_looked_at(patch):
    patch.setattr(damage, "bytes_damaged", _one_byte)
    for module in (state, trials):
        patch.setattr(module, "changed", lambda _: "")
    patch.setattr(zipfile.ZipExtFile, "_update_crc", lambda *_: None)
    found = pyarrow.parquet.ParquetFile
    patch.setattr(
        pyarrow.parquet,
        "ParquetFile",
        lambda path, **given: found(path, **given | {"page_checksum_verification": False}),
    )


def _one_byte(rng, data):
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ rng.randrange(1, 256)]) + data[place + 1 :]


def models_of_other_leads(patch):
    found = model_file._read  # noqa: SLF001 - it is to be broken
    patch.setattr(model_file, "_read", lambda *given: found(*given).model_copy(update={"n_unknown_": 7}))


PLANTED = [
    (damage.try_book, a_point_more, "other scores"),
    (damage.try_csv, a_point_more, "other scores"),
    (damage.try_csv, a_last_line_without_end_lost, "in the file"),
    (damage.try_csv, rows_set_aside_unsaid, "nothing is set aside"),
    (damage.try_dressed, a_point_more_from_the_second_time_on, "other scores"),
    (damage.try_parts, a_point_more_from_the_second_time_on, "other scores"),
    (damage.try_parquet, a_point_more_from_the_second_time_on, "other scores"),
    (damage.try_parquet, checksums_not_looked_at, "other scores"),
    (damage.try_activity, checksums_not_looked_at, "other "),
    (damage.try_frame, a_point_more_from_the_second_time_on, "other scores"),
    (damage.try_state, checksums_not_looked_at, "is taken for"),
    (damage.try_trial, checksums_not_looked_at, "is taken for"),
    (damage.try_model, checksums_not_looked_at, "other arrays"),
    (damage.try_model, models_of_other_leads, "is taken for"),
]


@pytest.fixture(scope="module")
def world():
    return damage.World()


def silent(tried, world, folder, monkeypatch):
    """What the inputs show, one by one, that nobody was told."""
    for number in range(MOST):
        (folder / f"{number}").mkdir()
        monkeypatch.chdir(folder / f"{number}")
        damage.lay_out(world)
        try:
            tried(random.Random(f"{SEED}/{number}"), world)
        except (ls.LeadscoreError, Unsure):
            pass
        except Silent as found:
            yield str(found)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: f"{one[0].__name__} {one[1].__name__}")
def test_it_is_seen(planted, world, tmp_path, monkeypatch):
    tried, fault, words = planted
    fault(monkeypatch)
    assert any(words in found for found in silent(tried, world, tmp_path, monkeypatch))
