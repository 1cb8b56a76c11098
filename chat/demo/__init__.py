"""Made-up people and conversations, to try the site and to measure it."""
