"""Files and plain data, damaged: what disks, editors, exports and strangers do to them."""

import contextlib
import csv
import io
import json
import math

ABSURD = [
    *(None, True, False, 0, -1, 1, 2**63, -(2**63), 2**64, 10**400, 0.5, 1e308, -1e308, math.nan, math.inf, -math.inf),
    *(
        "",
        " ",
        "x",
        "none",
        "2026-03-31",
        "9999-12-31",
        "0001-01-01",
        "2026-13-45",
        "\x1b[31m",
        "\u202e",
        "\u200b",
        "$x$",
    ),
    *([], {}, [[]], {"x": 1}, [1, 2, 3], [None], "1e999", "-0", "NaN", "'; drop", "a" * 5000),
]
BYTES_IN = [
    *b"\"',;\t\r\n\0\xff#-{[|~\\*",
    b"\r\n",
    b"\xef\xbb\xbf",
    b"=1+1",
    b"\x1b[2J",
    b"\xe2\x80\x8b",
    b": ",
    b"- ",
]
BYTES_IN += [b"&a", b"*a", b"!!", b"1e400", b"9" * 400, b"[" * 100_000]


def bytes_damaged(rng, data):
    """One to four things that disks, editors and strangers do to a file."""
    for _ in range(rng.choice([1, 1, 2, 4])):
        at, size = rng.randrange(len(data) + 1), rng.choice([1, 2, 10, 200])
        kind = rng.choice(["flip", "insert", "insert", "cut", "gap", "twice", "zero", "swap"])
        if kind == "flip" and at < len(data):
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif kind == "insert":
            data = data[:at] + _inserted(rng) + data[at:]
        elif kind == "cut":
            data = data[:at]
        elif kind == "gap":
            data = data[:at] + data[at + size :]
        elif kind == "twice":
            data = data[: at + size] + data[at:]
        elif kind == "zero":
            data = data[:at] + b"\0" * len(data[at : at + size]) + data[at + size :]
        else:
            lines = data.split(b"\n")
            rng.shuffle(lines)
            data = b"\n".join(lines)
    return data


def _inserted(rng):
    found = rng.choice(BYTES_IN)
    return bytes([found]) if isinstance(found, int) else found


def places(node, path=()):
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [at for key, part in parts for at in ((*path, key), *places(part, (*path, key)))]


def tree_damaged(rng, node):
    """Plain data with one to three of its parts gone, doubled, moved or absurd."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        spots = places(node)
        if not spots:
            return node
        *above, key = rng.choice(spots)
        parent = node
        for part in above:
            parent = parent[part]
        kind = rng.choice(["absurd", "absurd", "absurd", "drop", "move", "twice", "nest"])
        if kind == "drop":
            del parent[key]
        elif kind == "twice" and isinstance(parent, list):
            parent.insert(key, parent[key])
        elif kind == "move":
            other = node
            for part in rng.choice(spots):
                with contextlib.suppress(KeyError, IndexError, TypeError):
                    other = other[part]
            parent[key] = json.loads(json.dumps(other))
        elif kind == "nest":
            for _ in range(rng.choice([1, 100])):
                parent[key] = [parent[key]]
        else:
            parent[key] = rng.choice(ABSURD)
    return node


def dressed(rng, text):
    """The same table written in another way: what no reader may take for another table."""
    rows = list(csv.reader(io.StringIO(text)))
    if rng.random() < 0.5:
        order = rng.sample(range(len(rows[0])), len(rows[0]))
        rows = [[row[place] for place in order] for row in rows]
    if rng.random() < 0.3:
        rows = [
            [*row, rng.choice(["", "x\ny", 'say ""hi""', "a,b;c"]) if place else "unused"]
            for place, row in enumerate(rows)
        ]
    out = io.StringIO()
    quoting = rng.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    end, mark = rng.choice(["\n", "\r\n"]), rng.choice([",", ";", "\t"])
    csv.writer(out, delimiter=mark, quoting=quoting, lineterminator=end).writerows(rows)
    data = rng.choice(["", "\ufeff"]) + out.getvalue()
    return (data if rng.random() < 0.7 else data.rstrip("\r\n")).encode()
