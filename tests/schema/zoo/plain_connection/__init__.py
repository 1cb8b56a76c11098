"""RunPython that writes through django.db.connection."""
