from annette.bench.duty_cycle import DutyCycle


class Clock:
    def __init__(self):
        self.now_s, self.rests_s = 5.0, []

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.rests_s.append(seconds)
        self.now_s += seconds


def worked(rest, clock, runs_s):
    for run_s in runs_s:
        rest()
        clock.now_s += run_s


def test_short_runs_share_a_rest():
    clock = Clock()
    worked(DutyCycle(clock, clock.sleep), clock, [0.001] * 1000)
    assert 8 <= len(clock.rests_s) <= 10


def test_any_second_has_more_than_five_hundredths_of_rest():
    for run_s in (1e-3, 0.03, 0.3, 0.6, 0.9):
        clock = Clock()
        start_s = clock.now_s
        worked(DutyCycle(clock, clock.sleep), clock, [run_s] * int(30 / run_s))
        assert sum(clock.rests_s) / (clock.now_s - start_s) > 0.05


def test_what_others_do_meanwhile_counts_as_work():
    clock = Clock()
    rest = DutyCycle(clock, clock.sleep)
    clock.now_s += 2.0
    rest()
    rest()
    assert clock.rests_s == [2.0 * 0.065]
