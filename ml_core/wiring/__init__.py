"""The wiring check: what is wrong with a configuration, told and drawn before anything runs."""
