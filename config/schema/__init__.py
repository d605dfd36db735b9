"""The shape of the file, section by section: what each key may hold, before anything is decided from it."""
