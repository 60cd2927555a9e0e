"""What sales did with the leads that came: how soon it answered, what it accepted, whom it picked."""
