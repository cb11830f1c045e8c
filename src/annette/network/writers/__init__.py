"""Networks written as files, one format a module."""
