"""Runs the steps of an orchestration and keeps their progress where people can see it, in the custom status."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any, Final

from durabletask.task import OrchestrationContext, RetryPolicy, Task, TaskFailedError

from domain.names import approval_instance_id, restore_blob_instance_id
from domain.steps import compact, steps_to_come

PREFLIGHT_DEADLINE: Final = timedelta(hours=1)
MAXIMUM_TRIES: Final = 6
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 120.0
# Far beyond the usual deadline; with these pauses that is some eighty tries, so the history stays short.
RECORDED_WITHIN: Final = timedelta(hours=12)
LONGEST_RECORDING_PAUSE: Final = 600.0

# Only for what nobody expected (a bug, a worker that dies again and again): what is expected comes as an outcome.
UNEXPECTED: Final = RetryPolicy(
    first_retry_interval=timedelta(seconds=1), max_number_of_attempts=3, backoff_coefficient=4
)

# How a download that does not count is accounted for.
_DISCARDED: Final = {
    "export_failed": "ExportFailed",
    "export_ambiguous": "Ambiguous",
    "security_domain_conflict": "Superseded",
}

# What waits for something else than its own end, and is then asked for again: a download that the HSM refuses for now
# for the activation that is under way, and who makes keys until the role for that has reached the HSM.
_REFUSED_DURING: Final = {"download_security_domain": "await_activation", "create_keys": "await_key_access"}
# What an HSM does one after the other waits for its turn, however often, and is then asked for.
_IN_TURN: Final = {"back_up": "await_backup_turn", "back_up_hsm": "await_backup_turn"}
_WAITS_FOR: Final = {**_REFUSED_DURING, **_IN_TURN}
# What is done in portions acts each time it is asked, so it is the story that asks: a poll changes nothing. It waits
# only once it has done some, which bounds how often that is.
_IN_PORTIONS: Final = frozenset({"assign_local_roles"})


class StepFailed(Exception):  # noqa: N818 - it says what happened
    """A step that cannot be done; `error` is an `ErrorDetail` as JSON."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error["code"]))
        self.error = error

    @property
    def code(self) -> str:
        """The stable code."""
        return str(self.error["code"])


class Story:
    """One operation's steps, in the order in which they are told."""

    def __init__(self, ctx: OrchestrationContext, operation_id: str, kind: str = "provision") -> None:
        self._ctx = ctx
        self._operation_id = operation_id
        self._began = ctx.current_utc_datetime
        self._deadline = self._began + PREFLIGHT_DEADLINE
        self._polls = 0
        self._progress: dict[str, Any] = {
            "status": "Running",
            "steps": steps_to_come(kind),
            "warnings": [],
            "downloads": [],
        }
        self._publish()

    @property
    def status(self) -> str:
        """How the operation stands: Running, Succeeded, Failed or Canceled."""
        return str(self._progress["status"])

    def end_within(self, seconds: float) -> None:
        """Let nothing be waited for any longer than this, from the approval on, or from the beginning."""
        self._deadline = self._began + timedelta(seconds=seconds)

    def allow(self, time: timedelta) -> None:
        """Let what comes next take this long at least."""
        self._deadline = max(self._deadline, self._ctx.current_utc_datetime + time)

    def step(
        self, name: str, *, attempt: int = 0, progress: dict[str, Any] | None = None
    ) -> Generator[Any, Any, dict[str, Any]]:
        """Run an activity until it is done and give its result; raises StepFailed."""
        self._change(name, status="Running", startedAt=self._step(name).get("startedAt") or self._now())
        outcome = yield from self._ask_until_settled(name, self._work(attempt, progress))
        return self._settle(name, outcome)

    def await_approval(self, pinned: dict[str, Any]) -> Generator[Any, Any]:
        """Wait until the plan is approved, if what preflight found says that it must be; raises StepFailed."""
        name = "await_approval"
        if "approval" not in pinned:
            self.skip(name)
            return
        yield from self._await_people(name, "approval_waiting", {}, approval_instance_id(self._operation_id))

    def await_restore_blob(self, until: str, number: int) -> Generator[Any, Any]:
        """Wait until custodians have stored a restore blob that can be uploaded, until then; raises StepFailed.

        `number` says which wait this is: one that was refused by the HSM begins another.
        """
        name = "await_restore_blob"
        self._change(name, waitsUntil=until, round=number)
        child = restore_blob_instance_id(self._operation_id, number)
        given = {"began": self._ctx.current_utc_datetime.isoformat()}
        yield from self._await_people(name, "restore_blob_waiting", given, child)

    def _await_people(self, name: str, orchestration: str, given: dict[str, Any], child: str) -> Generator[Any, Any]:
        """Have a child wait for what people do; the deadline of all else counts from then on."""
        asked = self._step(name)["attempts"]
        started = self._step(name).get("startedAt") or self._now()
        self._change(name, status="Running", startedAt=started, attempts=asked + 1)
        # It can take weeks: a child that continues as new waits, so that this history stays the story.
        answer = yield from self._delegate(name, orchestration, {"work": self._work(), **given}, child)
        self._began = self._ctx.current_utc_datetime
        self._deadline = self._began + PREFLIGHT_DEADLINE
        self._change(name, attempts=asked + answer["asked"])
        self._settle(name, answer["outcome"])

    def set_back(self, name: str) -> None:
        """Say that a step did nothing, and is still to come."""
        self._step(name).pop("finishedAt", None)
        self._change(name, status="NotStarted")

    def _work(self, attempt: int = 0, progress: dict[str, Any] | None = None) -> dict[str, Any]:
        return {
            "operationId": self._operation_id,
            "instanceId": self._ctx.instance_id,
            "attempt": attempt,
            "progress": progress or {},
        }

    def _settle(self, name: str, outcome: dict[str, Any]) -> dict[str, Any]:
        if outcome["status"] == "failed":
            self._change(name, status="Failed", finishedAt=self._now())
            raise StepFailed(outcome["error"])
        self._change(name, status="Succeeded", finishedAt=self._now())
        result: dict[str, Any] = outcome.get("result", {})
        if "warnings" in result:
            self._progress["warnings"] = result["warnings"]
        return result

    def record(self) -> Generator[Any, Any]:
        """Have the operation recorded, this last step as done: the record is the proof that it was.

        Raises nothing. It is tried for hours, past the deadline and whatever the error: what is not recorded keeps its
        claim and would be shown as interrupted, however well it ended.
        """
        name = "record_operation"
        self._change(name, status="Running", startedAt=self._now())
        final = {**self._progress, "finishedAt": self._now(), "steps": [dict(step) for step in self._progress["steps"]]}
        final["steps"][-1].update(status="Succeeded", finishedAt=self._now(), attempts=1)
        outcome = yield from self._ask_until_recorded(name, self._work(progress=compact(final)))
        status = "Succeeded" if outcome["status"] == "done" else "Failed"
        self._progress["finishedAt"] = final["finishedAt"]
        self._change(name, status=status, finishedAt=self._now())

    def wait_from_now(self) -> dict[str, Any]:
        """Give the progress of a step that waits for people or networks from now on, and not until the deadline."""
        return {"since": self._now()}

    def came_to(self, name: str) -> bool:
        """Say whether a step was begun, or skipped."""
        return bool(self._step(name)["status"] != "NotStarted")

    def skip(self, name: str) -> None:
        """Say that a step was not needed."""
        self._change(name, status="Skipped")

    def pause(self, time: timedelta) -> Task[None]:
        """Wait on a durable timer."""
        return self._ctx.create_timer(time)

    def note_download(self, attempt: int, receipt: dict[str, Any]) -> None:
        """Account for stored bytes that the HSM has not confirmed yet."""
        known = {name: receipt[name] for name in ("sha256", "export")}
        self._account({"attempt": attempt, "outcome": "Unconfirmed", **known})

    def discard_download(self, attempt: int, code: str) -> None:
        """Account for an attempt that does not count."""
        self._account({**self._download(attempt), "outcome": _DISCARDED[code]})

    def confirm_download(self, attempt: int) -> None:
        """Account for the one attempt that counts."""
        self._account({**self._download(attempt), "outcome": "Confirmed"})

    def succeed(self, result: dict[str, Any]) -> None:
        """End the story well; `result` is an `OperationResult` as JSON."""
        self._progress.update(status="Succeeded", result=result)

    def fail(self, failure: StepFailed) -> None:
        """End the story with an error; what exists stays."""
        status = "Canceled" if failure.code == "operation_canceled" else "Failed"
        self._progress.update(status=status, error=failure.error)

    def _ask_until_settled(self, name: str, work: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
        pause = FIRST_PAUSE
        tries = 0
        while True:
            self._change(name, attempts=self._step(name)["attempts"] + 1)
            outcome = yield from self._ask(name, work)
            if outcome["status"] == "wait" and name in _IN_PORTIONS:
                if self._ctx.current_utc_datetime >= self._deadline:
                    return too_late(name)
                yield self.pause(timedelta(seconds=outcome["seconds"]))
                continue
            if outcome["status"] == "wait":
                outcome = yield from self._poll(name, work, outcome["seconds"])
                if name in _REFUSED_DURING and _ended(outcome):
                    # Of a download, what ended, well or badly, never reached us: ask for one of our own.
                    outcome = _REFUSED[name]
                elif name in _IN_TURN and outcome["status"] == "done":
                    if self._ctx.current_utc_datetime < self._deadline:
                        continue
                    outcome = too_late(name)
            tries += 1
            if outcome["status"] != "failed" or not outcome["error"].get("retryable") or tries >= MAXIMUM_TRIES:
                return outcome
            if self._ctx.current_utc_datetime >= self._deadline:
                return outcome
            yield self.pause(timedelta(seconds=max(pause, outcome["error"].get("retryAfter") or 0)))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _ask_until_recorded(self, name: str, work: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
        until = self._ctx.current_utc_datetime + RECORDED_WITHIN
        pause = FIRST_PAUSE
        while True:
            self._change(name, attempts=self._step(name)["attempts"] + 1)
            outcome = yield from self._ask(name, work)
            if outcome["status"] == "done" or outcome["error"]["code"] == "not_claimed":
                return outcome
            if self._ctx.current_utc_datetime >= until:
                return outcome
            yield self.pause(timedelta(seconds=max(pause, outcome["error"].get("retryAfter") or 0)))
            pause = min(pause * 2, LONGEST_RECORDING_PAUSE)

    def _ask(self, name: str, work: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
        try:
            outcome: dict[str, Any] = yield self._ctx.call_activity(name, input=work, retry_policy=UNEXPECTED)
        except TaskFailedError:
            return unexpected_failure(name)
        return outcome

    def _poll(self, name: str, work: dict[str, Any], seconds: float) -> Generator[Any, Any, dict[str, Any]]:
        """Let a child orchestration ask again and again: it continues as new, so this history stays the story."""
        self._polls += 1
        poll = {
            "activity": _WAITS_FOR.get(name, name),
            "work": work,
            "seconds": seconds,
            "pause": seconds,
            "deadline": self._deadline.isoformat(),
        }
        child = f"{self._operation_id}:{self._polls}:{name}"
        answer = yield from self._delegate(name, "outcome_polling", poll, child)
        self._change(name, attempts=self._step(name)["attempts"] + answer["asked"])
        outcome: dict[str, Any] = answer["outcome"]
        return outcome

    def _delegate(
        self, name: str, orchestration: str, given: dict[str, Any], child: str
    ) -> Generator[Any, Any, dict[str, Any]]:
        """Have a child orchestration carry a step on; gives `{"outcome", "asked"}`."""
        try:
            answer: dict[str, Any] = yield self._ctx.call_sub_orchestrator(
                orchestration, input=given, instance_id=child
            )
        except TaskFailedError:
            return {"outcome": unexpected_failure(name), "asked": 0}
        return answer

    def _download(self, attempt: int) -> dict[str, Any]:
        noted = (item for item in self._progress["downloads"] if item["attempt"] == attempt)
        return next(noted, {"attempt": attempt})

    def _account(self, entry: dict[str, Any]) -> None:
        others = [item for item in self._progress["downloads"] if item["attempt"] != entry["attempt"]]
        self._progress["downloads"] = [*others, entry]
        self._publish()

    def _step(self, name: str) -> dict[str, Any]:
        step: dict[str, Any] = next(step for step in self._progress["steps"] if step["name"] == name)
        return step

    def _change(self, name: str, **changes: Any) -> None:
        step = self._step(name)
        step.update(changes)
        if step["status"] == "Running":
            step.pop("finishedAt", None)
        self._publish()

    def _publish(self) -> None:
        self._ctx.set_custom_status(compact(self._progress))

    def _now(self) -> str:
        return self._ctx.current_utc_datetime.isoformat(timespec="milliseconds").partition("+")[0] + "Z"


def _refused(code: str, message: str, advice: str) -> dict[str, Any]:
    return {"status": "failed", "error": {"code": code, "message": message, "retryable": True, "advice": advice}}


_REFUSED: Final[dict[str, dict[str, Any]]] = {
    "download_security_domain": _refused(
        "export_refused",
        "The HSM refused to hand out its security domain because an export was under way.",
        "Nothing is lost. Send the request again once nobody else downloads the security domain.",
    ),
    "create_keys": _refused(
        "azure_forbidden",
        "The HSM did not let the service make keys, whatever role it has.",
        "Nothing is lost. It may take Azure some minutes to hear of the role: send the request again.",
    ),
}


def _ended(outcome: dict[str, Any]) -> bool:
    return bool(outcome["status"] == "done" or outcome["error"]["code"] == "export_failed")


def unexpected_failure(name: str) -> dict[str, Any]:
    """Make the outcome of an activity that failed as nobody expected; the history holds where."""
    return {
        "status": "failed",
        "error": {
            "code": "unexpected_failure",
            "message": f"The step {name} failed unexpectedly, several times.",
            "retryable": False,
            "advice": "What was done stays. Send the request again to go on; tell the operators if it happens again.",
        },
    }


def too_late(activity: str) -> dict[str, Any]:
    """Make the outcome of what was not there by the deadline."""
    return {
        "status": "failed",
        "error": {
            "code": "deadline_exceeded",
            "message": f"Azure did not come to an end in time ({activity}).",
            "retryable": False,
            "advice": "What was done stays: the HSM may exist and be billed. Send the request again to go on.",
        },
    }
