"""Platforms of devices whose makers' facts are known: from measurements to a platform, one device family a file."""
