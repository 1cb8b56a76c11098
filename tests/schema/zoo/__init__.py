"""Apps of other people, each written in a way that third-party apps are written in."""
