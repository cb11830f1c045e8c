"""Contract suites: what every plug-in must satisfy, runnable by its author."""
