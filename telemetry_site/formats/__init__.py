"""How the admin writes dates, by language: Django asks here before its own files."""
