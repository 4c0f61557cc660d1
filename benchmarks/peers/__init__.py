"""Other people's packages that ours is held against; each is optional."""
