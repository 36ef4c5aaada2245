"""The pictures of the documents: what they show, how each is told from what it was, how drawn."""
