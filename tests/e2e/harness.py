"""What test_*.py files are written with."""


class Skip(Exception):
    """The test cannot run here; says why."""


class Test:
    def __init__(self, run, deadline):
        self.run = run
        self.name = run.__name__
        self.deadline = deadline


def test(function=None, *, deadline=60.0):
    """Marks a test: a function of one Net, named by the behaviour it shows."""
    if function is not None:
        return Test(function, deadline)
    return lambda it: Test(it, deadline)
