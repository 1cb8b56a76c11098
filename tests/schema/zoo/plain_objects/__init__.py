"""RunPython that writes through the app's real model, without using()."""
