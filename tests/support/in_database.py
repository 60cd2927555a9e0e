"""Tables of a test in a database, and what SQL makes of them held against `score`."""

import pandas as pd
import pyarrow as pa

import leadscore as ls
from leadscore.engines.sql.servers import server_of

TIMES = {"at", "created_at", "valid_from"}


def typed(table):
    """A table of which every column has a type, as a database's have."""
    if not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    kinds = {True: pa.timestamp("us"), False: pa.string()}
    fields = [one.with_type(kinds[one.name in TIMES]) if _untyped(one.type) else one for one in table.schema]
    return table.cast(pa.schema(fields))


def _untyped(kind):
    return pa.types.is_null(kind.value_type if pa.types.is_dictionary(kind) else kind)


def put(connection, **tables):
    """Tables by their names, for this connection alone."""
    server = server_of(connection)
    for name, table in tables.items():
        if table is not None:
            server.load(name, typed(table))
    return {name: name for name, table in tables.items() if table is not None}


def scored(rulebook, tables, as_of):
    """What `score` gives for frames."""
    return ls.score(ls.load_tables(**tables, rulebook=rulebook), rulebook, as_of=as_of)


def check_equal(have, want):
    """The same rows and columns, to the last digit; of another order perhaps."""
    assert len(have) == len(want)
    pd.testing.assert_frame_equal(have.reindex(want.index), want, check_exact=True)


def check(rulebook, connection, tables, as_of):
    """What SQL makes of the tables is what `score` does."""
    program = ls.to_sql(rulebook, connection, **put(connection, **tables), as_of=as_of)
    check_equal(program.frame(), scored(rulebook, tables, as_of).frame)
    return program
