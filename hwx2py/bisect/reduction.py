"""Delta debugging over the differences of two programs, by picire."""

from collections.abc import Callable, Sequence

from ..errors import UsageError
from ..program.program import Program
from .differences import Difference, Plan
from .log import Log


def search(
    plan: Plan,
    fails: Callable[[Program], bool],
    log: Log,
    on_test: Callable[[Sequence[int], bool], None] = lambda chosen, failed: None,
) -> tuple[Difference, ...]:
    """The fewest differences that still fail: none of them can be left out.

    Args:
        plan: the two programs.
        fails: the test; whether a program fails it.
        log: outcomes that are known, and where new ones go.
        on_test: called after each test with the differences, by index, and whether it failed.

    Returns:
        The differences, in the order of the tasks.

    Raises:
        UsageError: the good program fails, or the bad one does not.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks setuptools for its version in a way that goes out of use
        from picire import DD, Outcome

    def test(chosen: Sequence[int], _: object = None) -> Outcome:
        failed = log.outcome(chosen)
        if failed is None:
            failed = fails(plan.apply(chosen))
            log.add(chosen, failed)
        on_test(chosen, failed)
        return Outcome.FAIL if failed else Outcome.PASS

    everything = list(range(len(plan.differences)))
    if not everything:
        raise UsageError("the programs do not differ in registers or coefficients", hint="`hwx2py diff` shows the rest")
    if test([]) is Outcome.FAIL:
        raise UsageError("the good program fails the test, too", hint="are the programs in the right order?")
    if test(everything) is Outcome.PASS:
        raise UsageError("the bad program does not fail the test", hint="give another test, or other inputs")
    return tuple(plan.differences[number] for number in sorted(DD(test)(everything)))
