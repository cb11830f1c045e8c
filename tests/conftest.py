"""What all tests share."""

from hypothesis import HealthCheck, settings

# Machines differ in speed and are busy at times: properties are checked, never how long an example takes.
settings.register_profile("annette", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("annette")
