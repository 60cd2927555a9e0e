from .sql.program import Program as Program
from .sql.program import to_sql as to_sql
