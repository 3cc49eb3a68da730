"""A store that grows: by regions, by people, by whole stores; and that forgets a person who withdraws."""
