"""What the engine asks of the machine: clock, locks, service manager, rights, files written whole."""
