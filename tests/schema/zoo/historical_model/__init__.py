"""RunPython as Django's documentation shows it; a later migration drops its column."""
