"""See that the HSM's data plane can be reached from here; the orchestrator asks again."""

from activities.connecting import waited_long_enough
from activities.handing_over import handed_over
from clients.reachability import find_obstacle
from domain.handover.reaching import data_plane_unreachable
from domain.outcomes import Outcome, Work, done, wait
from domain.settings import settings


def reach_data_plane(work: Work) -> Outcome:
    """Ask the HSM anything: what DNS, routes and firewalls do takes a while to arrive."""
    hsm = handed_over(work, cancelable=True).hsm.name
    obstacle = find_obstacle(hsm)
    if obstacle is None:
        return done()
    if not waited_long_enough(work):
        return wait(settings().poll_seconds)
    raise data_plane_unreachable(hsm, obstacle)
