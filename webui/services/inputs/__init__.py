"""Pictures that requests begin with: taken in from strangers, kept by content, seen by owners."""
