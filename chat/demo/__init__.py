"""Believable people and conversations, for looking at the site and for measuring it."""
