"""A connection to each database that runs in the tests."""

import duckdb
import psycopg
import pytest


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.slow)])
def connection(request):
    if request.param == "duckdb":
        with duckdb.connect() as found:
            yield found
    else:
        with psycopg.connect(request.getfixturevalue("address")) as found:
            yield found
            found.rollback()
