"""Speed, measured with pytest-benchmark; run by ``make bench``, never by the tests."""
