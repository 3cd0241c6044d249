"""What touches the world: clocks, files, processes, the terminal."""
