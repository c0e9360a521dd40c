"""How hypothesis runs in all tests: no test may depend on how fast the machine is at that moment."""

from hypothesis import HealthCheck, settings

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")
