"""The processes beside each attempt: they outlive the engine, and import nothing but the standard library."""
