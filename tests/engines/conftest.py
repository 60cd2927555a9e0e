"""A Postgres of our own, for all tests of SQL."""

from urllib.parse import quote

import pytest

from tests.support import postgres


@pytest.fixture(scope="session")
def address():
    """The connection to it."""
    with postgres.running() as folder:
        password = quote(postgres.PASSWORD, safe="")
        yield f"postgresql://tester:{password}@/postgres?host={quote(str(folder), safe='')}"
