"""Files, frames and Arrow objects as columns of Arrow, and what each cell of them says; no table is known here."""
