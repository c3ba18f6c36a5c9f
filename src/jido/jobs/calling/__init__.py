"""Calls of Python functions: what is sent along with a run, and what its program leaves.

In the run folder stand ``call.in`` (the function and the arguments of all calls), ``call.pyz`` (`host`, which
executes them there, with the cloudpickle package of this machine) and, one file a call, ``returned/INDEX``. Such a
file begins with a line of JSON; behind it stands the value, or the exception, as a pickle.
"""
