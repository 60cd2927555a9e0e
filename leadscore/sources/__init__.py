"""Files, databases, frames and Arrow objects as columns of Arrow and what their cells say; no table is known here."""
