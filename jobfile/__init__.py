"""jobfile: the language. Text in, complete jobs or diagnostics out; pure."""

__version__ = "0.1.0"
