"""Simulates discrete events on a virtual clock; the engine's core decides what is due, admitted, retried,
caught up.

At each instant, due occurrences are decided first, then ends are settled, then runs start, as in a turn of
the engine. Some code is written for speed, where a comment says so: a month of a large set is a million
occurrences.
"""

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from engine.core.admission import Admit, Hold, Skip, admit, policy_for
from engine.core.due import Due, due
from engine.core.lifecycle import RunState, TriggerKind
from engine.core.reasons import Reason
from engine.core.records import ON_TIME
from engine.core.retry import retry_delay
from engine.loops.pace import PACE_SECONDS
from engine.simulation.asking import (
    BAD,
    GOOD,
    OVER_TIME,
    TOO_LATE,
    begin_course,
    bound,
    cut_short,
    holds,
    is_late,
    own_pause,
    round_verdict,
    stopped_course,
    verdict,
)
from engine.simulation.matrices import blocking, with_combinations
from engine.simulation.recording import Recording
from engine.simulation.subject import ANOTHER_RUN, Absence, Setting, SimRun, Subject, first_due
from engine.simulation.tally import JobTally, Load, Outcome, Return
from engine.transactions.pause import BAD_ENDS
from jobfile.schedule.occurrences import Fire, fires

OnEvent = Callable[[datetime, str, SimRun], None]
"""Called for each event: the instant, the word for it, and its run."""

_INSTANT: Final = timedelta.resolution
_PACE: Final = timedelta(seconds=PACE_SECONDS)


def simulate(setting: Setting, on_event: OnEvent | None = None) -> Outcome:
    """Simulate a setting. The same setting always has the same outcome."""
    return _Simulation(setting, on_event).run()


class _Simulation:
    def __init__(self, setting: Setting, on_event: OnEvent | None) -> None:
        self.setting = setting
        self.on_event = on_event
        assumed = setting.assumed
        self.subjects = [Subject(at, spec, assumed[spec.name]) for at, spec in enumerate(setting.jobs)]
        self.recording = Recording(self, self.subjects)
        self.rows = [JobTally(one.spec.name) for one in self.subjects]
        self.load = Load(setting.since, setting.until)
        self.outcome = Outcome(setting.since, setting.until, self.rows, self.load)
        self.slots = {one.queue.name: one.queue.slots for one in setting.jobs if one.queue is not None}
        self.used = dict.fromkeys(self.slots, 0)
        self.fires: list[tuple[datetime, int, Fire, Iterator[Fire]]] = []
        self.events: list[tuple[datetime, int, Callable[[datetime, object], None], object]] = []
        self.ready: list[tuple[bool, int, datetime, int, SimRun]] = []
        self.sequence = 0
        self.running = 0
        self.caught_up: list[datetime] = []
        self.unseen: list[SimRun] = []
        self.expired: list[SimRun] = []
        self.stopped: list[SimRun] = []
        self.at_once: list[SimRun] = []
        self.settles_first = False
        self.absent: Absence | None = None
        self.may_start = False

    def run(self) -> Outcome:
        self.schedule_from(self.setting.since - _INSTANT)
        for absence in self.setting.absences:
            self.at(absence.since - _INSTANT, self.go_away, absence)
        for event in self.setting.events:
            self.at(event.at, self.recording.hear, event)
        fires_due, events = self.fires, self.events
        while fires_due or events:
            if fires_due and (not events or fires_due[0][0] <= events[0][0]):
                now = fires_due[0][0]
                while fires_due and fires_due[0][0] == now:
                    self.fall_due(now)
            else:
                now = events[0][0]
            while events and events[0][0] == now:
                _, _, act, about = heapq.heappop(events)
                act(now, about)
            self.take_turn(now)
            while self.recording.take_files(now):
                self.take_turn(now)
        return self.outcome

    def take_turn(self, now: datetime) -> None:
        """Let happen what follows at once: starts, followers, and the ends of runs that are stopped."""
        self.start_and_follow(now)
        while self.stopped:  # a run ends after the turn in which it gets a stop request
            stopped, self.stopped = self.stopped, []
            for run in stopped:
                run.obeys = run.ended_at is None  # a run that has ended keeps its own end
                self.end(now, (run, run.attempt))
            self.start_and_follow(now)

    def start_and_follow(self, now: datetime) -> None:
        """Start what may start, and act on the ends that other jobs follow, until nothing is left to do."""
        while self.absent is None and (self.may_start or self.recording.following.ends):
            while self.may_start:
                self.start_ready(now)
            self.recording.follow_ends(now)

    def at(self, at: datetime, act: Callable[[datetime, object], None], about: object) -> None:
        self.sequence += 1
        heapq.heappush(self.events, (at, self.sequence, act, about))

    def new_number(self) -> int:
        self.sequence += 1
        return self.sequence

    def schedule_from(self, after: datetime) -> None:
        """Begin to enumerate every schedule after an instant."""
        self.fires.clear()
        until = self.setting.until - _INSTANT
        for one in self.subjects:
            if one.spec.enabled and one.spec.schedule:
                stream = fires(one.rules.entries, after=after, until=until)
                fire = next(stream, None)
                if fire is not None:
                    heapq.heappush(self.fires, (fire[0], one.index, fire, stream))

    # Occurrences that fall due

    def fall_due(self, now: datetime) -> None:
        _, index, fire, stream = self.fires[0]
        following = next(stream, None)
        if following is None:
            heapq.heappop(self.fires)
        else:
            heapq.heapreplace(self.fires, (following[0], index, following, stream))
        subject, row = self.subjects[index], self.rows[index]
        row.fires += 1
        if subject.is_plain:  # for speed: a job without limits and conditions needs no decision
            self.decide(now, SimRun(subject, now, TriggerKind.SCHEDULE, now))
            return
        if subject.paused_at is not None:
            row.not_run["skipped", Reason.PAUSED] += max(1, len(subject.spec.matrix))
            return
        run = SimRun(subject, now, TriggerKind.SCHEDULE, subject.rules.not_before(fire))
        run.params = bound(subject.spec, subject.spec.schedule[fire.entry].arguments)
        self.recording.expect(now, with_combinations(subject.spec, run))

    def decide(self, now: datetime, about: object) -> None:
        """Decide about a run by the overlap policy."""
        run = about
        assert isinstance(run, SimRun)
        if run.is_over:
            return
        subject = run.subject
        self.recording.number(run)
        if self.absent is not None:
            self.at(self.absent.until, self.decide, run)
            return
        if not self.recording.find_lane(run):
            self.leave_out(now, run, RunState.SKIPPED, Reason.TEMPLATE_ERROR)
            return
        lane = run.lane
        policy = subject.policy
        if run.trigger is not TriggerKind.SCHEDULE:
            policy = policy_for(subject.spec, run.trigger)
        decision = admit(concurrency=subject.concurrency, policy=policy, others=blocking(run, policy))
        if isinstance(decision, Skip):
            self.leave_out(now, run, decision.state, decision.reason)
            return
        if isinstance(decision, Hold):
            self.clear_the_way(now, run, decision)
        lane.waiting.append(run)
        if isinstance(decision, Admit) or lane.taken(run) < (subject.concurrency.limit or 0):
            self.make_ready(run)

    def clear_the_way(self, now: datetime, run: SimRun, hold: Hold[SimRun]) -> None:
        run.was_held = ANOTHER_RUN
        for other in hold.superseded:
            run.lane.waiting.remove(other)
            self.leave_out(now, other, RunState.SKIPPED, Reason.SUPERSEDED)
        for other in (*hold.cancelled, *hold.killed):
            self.stop(now, other)

    def leave_out(self, now: datetime, run: SimRun, state: RunState, reason: str) -> None:
        run.state, run.reason, run.ended_at, run.is_over = state, reason, now, True
        self.rows[run.subject.index].not_run[state.value, reason] += 1
        if self.on_event:
            self.on_event(now, state.value, run)
        self.count_end(now, run, state)

    def give_up(self, now: datetime, about: object) -> None:
        assert isinstance(about, SimRun)
        if self.absent is not None:
            self.expired.append(about)
        elif about.state is RunState.QUEUED and not about.is_over:
            if about in about.lane.waiting:
                about.lane.waiting.remove(about)
            self.leave_out(now, about, RunState.MISSED, Reason.START_DEADLINE)

    # Runs that start

    def make_ready(self, run: SimRun) -> None:
        if run.is_ready:
            return
        run.is_ready = True
        is_late = run.trigger is TriggerKind.CATCHUP and run.state is RunState.QUEUED
        self.ready.append((is_late, -run.subject.priority, run.scheduled_for, run.number, run))
        self.may_start = True

    def start_ready(self, now: datetime) -> None:
        """Start the runs that may start: catch-up runs last, then by priority, nominal time and arrival."""
        self.may_start = False
        waiting, self.ready = sorted(one for one in self.ready if not one[4].is_over), []
        is_behind = has_caught_up = False
        for index, item in enumerate(waiting):
            run = item[4]
            if self.running >= self.setting.max_running:
                self.ready += waiting[index:]
                break
            subject = run.subject
            if self.waits_for_queue(run):
                self.ready.append(item)
                continue
            if self.is_in_vain(now, run):
                continue
            if run.attempt == 0:
                limit = subject.concurrency.limit
                if limit is not None and run.lane.taken(run) >= limit:
                    run.is_ready = False
                    continue  # when an active run ends, the first waiting one becomes ready again
                if not item[0] and run.lane.is_after_catchup(run):
                    is_behind = True
                    self.ready.append(item)
                    continue
            if item[0] and not self.may_catch_up(now):
                self.ready += waiting[index:]
                break
            has_caught_up |= item[0]
            self.start(now, run)
        self.end_at_once(now)
        if is_behind and has_caught_up:
            self.start_ready(now)

    def end_at_once(self, now: datetime) -> None:
        """End the runs of which nothing is executed: in the turn that starts them, before other decisions."""
        ended, self.at_once = self.at_once, []
        for run in ended:
            self.end(now, (run, run.attempt))

    def waits_for_queue(self, run: SimRun) -> bool:
        queue = run.subject.queue
        if not queue or self.used[queue] < self.slots[queue]:
            return False
        run.was_held = run.was_held or f"queue {queue}"
        return True

    def is_in_vain(self, now: datetime, run: SimRun) -> bool:
        """Skip a run that has not started if its condition is false."""
        if not run.subject.has_condition or run.attempt or holds(run):
            return False
        run.lane.waiting.remove(run)
        self.leave_out(now, run, RunState.SKIPPED, Reason.CONDITION)
        self.start_next(run)
        return True

    def may_catch_up(self, now: datetime) -> bool:
        recent = [at for at in self.caught_up if now - at < _PACE]
        if len(recent) < self.setting.catchup_starts:
            self.caught_up = [*recent, now]
            return True
        self.at(recent[0] + _PACE, self.nothing, None)
        return False

    def nothing(self, _now: datetime, _about: object) -> None:
        """Do nothing: the event only ends the wait until this instant."""
        self.may_start = True

    def start(self, now: datetime, run: SimRun) -> None:
        subject = run.subject
        row = self.rows[subject.index]
        if run.state is RunState.QUEUED:
            run.lane.waiting.remove(run)
            run.lane.active.append(run)
            row.ran += 1
            if run.was_held:
                row.waits[run.was_held] += 1
                row.waited_max = max(row.waited_max, now - run.not_before)
            row.caught_up += run.trigger is TriggerKind.CATCHUP
        else:
            row.retries += 1
        if subject.queue:
            self.used[subject.queue] += 1
        run.state, run.is_ready = RunState.RUNNING, False
        run.attempt += 1
        run.started_at = run.started_at or now
        run.began_at = now
        self.running += 1
        self.load.begin(now)
        if self.on_event:
            self.on_event(now, "started", run)
        length = subject.length
        if subject.assumed.steps:
            run.course = begin_course(run, self.setting, now=now)
            length = run.course.length
        elif subject.spec.deadline is not None:
            run.ending, length = cut_short(run, now=now)
        if run.ending == TOO_LATE or (run.course is not None and not length):
            self.at_once.append(run)
            return
        self.sequence += 1
        heapq.heappush(self.events, (now + length, self.sequence, self.end, (run, run.attempt)))

    # Runs that end

    def stop(self, now: datetime, run: SimRun) -> None:
        """Stop a run that is replaced; one that waits for its retry has no attempt to end."""
        if run.state is RunState.RUNNING:
            run.state, run.reason = RunState.CANCELLING, Reason.REPLACED
            run.is_settled_first = self.settles_first
            self.stopped.append(run)
        elif run.state is RunState.RETRY_WAIT:
            self.close(now, run, RunState.CANCELLED, Reason.REPLACED)

    def end(self, now: datetime, about: object) -> None:
        """An attempt ends; while no engine runs, this is noticed later."""
        assert isinstance(about, tuple)
        run, attempt = about
        if run.is_over or run.attempt != attempt or run.state is RunState.RETRY_WAIT or run.ended_at:
            return
        self.load.end(run.began_at, now)
        self.running -= 1
        self.may_start = True
        self.rows[run.subject.index].busy += now - run.began_at
        run.ended_at = now
        if self.absent is not None:
            self.unseen.append(run)
        else:
            self.settle(now, run)

    def settle(self, now: datetime, run: SimRun) -> None:
        ended_at = run.ended_at
        assert ended_at is not None
        if run.subject.queue:  # also before a retry: it must get a slot again
            self.used[run.subject.queue] -= 1
        subject = run.subject
        if run.course is not None:
            if run.state is RunState.CANCELLING:
                run.course = stopped_course(run, self.setting, now=ended_at)
            state, reason = round_verdict(run, run.course.end, now=ended_at)
        elif run.obeys:
            self.close(ended_at, run, RunState.CANCELLED, Reason.REPLACED)
            return
        else:
            ending = GOOD
            if not subject.always_succeeds:
                is_bad = subject.fails(run, self.setting.seed)
                ending = OVER_TIME if subject.times_out else BAD if is_bad else GOOD
            if subject.spec.deadline is not None:
                ending, run.id = run.ending or ending, f"{subject.spec.name}/{run.number}"
            state, reason = verdict(run, ending, ended_at=ended_at, now=now)
        if state is not RunState.RETRY_WAIT:
            self.close(ended_at, run, state, reason)
            return
        run.state, run.reason, run.ended_at = RunState.RETRY_WAIT, reason, None
        run.id = f"{subject.spec.name}/{run.number}"
        if self.on_event:
            self.on_event(ended_at, "failed, retried", run)
        wait = retry_delay(subject.spec.retry, run_id=run.id, attempt=run.attempt)
        self.at(now + wait, self.again, run)

    def again(self, _now: datetime, about: object) -> None:
        assert isinstance(about, SimRun)
        if about.state is RunState.RETRY_WAIT:
            self.make_ready(about)

    def close(self, now: datetime, run: SimRun, state: RunState, reason: str) -> None:
        """A run is over: free its slot, and start jobs that follow it."""
        run.state, run.reason, run.ended_at, run.is_over = state, reason, now, True
        subject, lane = run.subject, run.lane
        row = self.rows[subject.index]
        lane.active.remove(run)
        if state is RunState.SUCCEEDED:
            row.succeeded += 1
            row.late += subject.is_expected and is_late(run, now)
        elif state is RunState.CANCELLED:
            row.not_run["cancelled", reason] += 1
        else:
            row.failed += 1
        if self.on_event:
            self.on_event(now, state.value, run)
        self.start_next(run)
        self.count_end(now, run, state)

    def start_next(self, run: SimRun) -> None:
        """Let the runs start that wait for a run."""
        for waiting in run.lane.following(run.subject.concurrency.limit):
            self.make_ready(waiting)

    def count_end(self, now: datetime, run: SimRun, state: RunState) -> None:
        """Count an end for the pause after failures, and start the jobs that follow; a matrix counts once."""
        occurrence, subject = run.occurrence, run.subject
        if occurrence is not None:
            occurrence.left -= 1
            occurrence.has_failed |= state in BAD_ENDS
            occurrence.has_succeeded |= state is RunState.SUCCEEDED
            if occurrence.left:
                return
        if subject.is_followed:
            self.recording.following.ends.append(run)
        if occurrence is not None:
            is_good = occurrence.has_succeeded and not occurrence.has_failed
            state = RunState.FAILED if occurrence.has_failed else RunState.SUCCEEDED if is_good else state
        if not run.attempt and (occurrence is None or state not in (*BAD_ENDS, RunState.SUCCEEDED)):
            return  # nothing of it ran
        if state is RunState.SUCCEEDED:
            subject.failures_in_a_row = 0
        elif state in BAD_ENDS:
            subject.failures_in_a_row += 1
            if subject.failures_in_a_row == subject.spec.pause_on_failure:
                subject.paused_at = now

    def go_away(self, now: datetime, about: object) -> None:
        assert isinstance(about, Absence)
        self.absent = about
        self.fires.clear()
        self.at(about.until, self.come_back, now)

    def come_back(self, now: datetime, about: object) -> None:
        """The engine runs again: it accounts for what fell due, in the order of a new engine."""
        assert isinstance(about, datetime)
        self.absent, self.may_start = None, True
        waiting = sorted(first_due(self.subjects, covered_until=about, now=now))
        self.settles_first = bool(waiting) and now - waiting[0][0] > ON_TIME
        if self.settles_first:
            self.settle_unseen(now)
            self.start_ready(now)  # what waited starts before anything is accounted for
        returns: dict[int, Return] = {}
        for _, index in waiting:
            subject = self.subjects[index]
            found = due(subject.rules, covered_until=about, now=now, pauses=own_pause(subject))
            self.account(now, subject, found)
            if found.unseen:
                returns[index] = Return.of(subject.spec.name, found)
        in_order = [returns[index] for index in sorted(returns)]
        self.outcome.absences.append((about + _INSTANT, now, in_order))
        self.settles_first = False
        self.settle_unseen(now)
        self.schedule_from(now)

    def settle_unseen(self, now: datetime) -> None:
        """Settle what ended or expired while no engine ran."""
        unseen, self.unseen = self.unseen, []
        for run in unseen:
            self.settle(now, run)
        expired, self.expired = self.expired, []
        for run in expired:
            self.give_up(now, run)

    def account(self, now: datetime, subject: Subject, found: Due) -> None:
        row = self.rows[subject.index]
        for gap in found.not_run:
            row.fires += gap.count
            row.not_run[gap.state.value, gap.reason] += gap.count * max(1, len(subject.spec.matrix))
            for fire in gap.fires if subject.is_followed else ():
                self.recording.note_not_made(now, subject, fire, gap)
        for one in found.to_run:
            row.fires += 1
            trigger = TriggerKind.CATCHUP if one.is_late else TriggerKind.SCHEDULE
            run = SimRun(subject, one.fire.at, trigger, subject.rules.not_before(one.fire))
            run.params = bound(subject.spec, subject.spec.schedule[one.fire.entry].arguments)
            self.recording.expect(now, with_combinations(subject.spec, run))
