"""A cleaned dataset out of the index, in a format that training code reads, with a list of what changed."""
