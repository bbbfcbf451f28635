"""Amazon's services, and the emulators that speak their protocols."""
