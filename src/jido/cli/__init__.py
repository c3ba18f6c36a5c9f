"""The command line: parse, call one API function, draw."""
