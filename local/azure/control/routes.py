"""The control API's routes."""

import asyncio

from cryptography.x509 import load_pem_x509_certificate
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.control import models
from local.azure.control.directory_routes import make_directory_routes
from local.azure.control.resource_manager_routes import make_resource_manager_routes
from local.azure.core.errors import ServiceFault
from local.azure.core.faults import Fault, Match, describe_fault
from local.azure.core.interference import Hold
from local.azure.managed_hsm.models import describe_exports
from local.azure.world import World


def make_control_routes(world: World) -> list[Route]:  # noqa: C901 - one small handler for each call
    """Make the routes: each does to the local Azure what nobody can do to Azure."""

    async def get_timing(request: Request) -> Response:  # noqa: ARG001
        return _json(models.TimingChange.model_validate(world.timing, from_attributes=True))

    async def put_timing(request: Request) -> Response:
        change = models.TimingChange.model_validate_json(await request.body())
        for name, seconds in change.model_dump(exclude_none=True).items():
            setattr(world.timing, name, seconds)
        return await get_timing(request)

    async def get_clock(request: Request) -> Response:  # noqa: ARG001
        clock = world.timing.clock
        return JSONResponse({"now": clock.date().isoformat(), "speed": clock.speed})

    async def put_clock(request: Request) -> Response:
        change = models.ClockChange.model_validate_json(await request.body())
        world.timing.clock.change(speed=change.speed, advance_seconds=change.advance_seconds)
        return await get_clock(request)

    async def post_vault(request: Request) -> Response:
        new = models.NewVault.model_validate_json(await request.body())
        vault = world.vaults.create(new.name, restricted=new.restricted, purge_protection=new.purge_protection)
        for object_id, granted in new.assignments.items():
            vault.access.assign(object_id, granted)
        return _json(new, 201)

    async def put_storage(request: Request) -> Response:
        change = models.StorageChange.model_validate_json(await request.body())
        if change.immutable_containers is not None:
            world.storage.immutable_containers = set(change.immutable_containers)
        for object_id, granted in change.assignments.items():
            world.storage.access.assign(object_id, granted)
        if change.restricted is not None:
            world.storage.access.restricted = change.restricted
        return _json(change)

    async def post_certificate(request: Request) -> Response:
        new = models.NewCertificate.model_validate_json(await request.body())
        certificate = load_pem_x509_certificate(new.certificate_pem.encode())
        version = world.vaults.find(new.vault).plant(new.name, certificate, enabled=new.enabled)
        identifier = f"https://{new.vault}.vault.azure.net/certificates/{new.name}/{version.id}"
        return JSONResponse({"id": identifier}, status_code=201)

    async def get_exports(request: Request) -> Response:
        hsm = world.manager.find_live(request.path_params["hsm"])
        mode = world.export_rules.during_activation
        return JSONResponse({"mode": mode, "exports": describe_exports(hsm) if hsm else []})

    async def put_mode(request: Request) -> Response:
        mode = models.ExportMode.model_validate_json(await request.body())
        world.export_rules.during_activation = mode.during_activation
        return _json(mode)

    async def post_outcomes(request: Request) -> Response:
        new = models.ExportOutcomes.model_validate_json(await request.body())
        world.export_rules.outcomes.extend(new.outcomes)
        return _json(new, 201)

    async def post_upload_outcomes(request: Request) -> Response:
        new = models.ExportOutcomes.model_validate_json(await request.body())
        world.export_rules.upload_outcomes.extend(new.outcomes)
        return _json(new, 201)

    async def post_failures(request: Request) -> Response:
        new = models.ProvisioningFailures.model_validate_json(await request.body())
        world.manager.failures_to_come = new.count
        return _json(new, 201)

    async def post_hold(request: Request) -> Response:
        new = models.NewHold.model_validate_json(await request.body())
        hold = Hold(Match(new.service, new.method, new.host, new.path, new.skip), new.phase)
        world.interference.holds[hold.id] = hold
        return JSONResponse({"id": hold.id}, status_code=201)

    def find_hold(request: Request) -> Hold:
        hold = world.interference.holds.get(request.path_params["id"])
        if hold is None:
            raise ServiceFault(404, "HoldNotFound", "There is no such hold.")
        return hold

    async def get_hold(request: Request) -> Response:
        hold = find_hold(request)
        try:
            await asyncio.wait_for(hold.reached.wait(), float(request.query_params.get("waitSeconds", "0")))
        except TimeoutError:
            return JSONResponse({"state": hold.state})
        return JSONResponse({"state": hold.state})

    async def delete_hold(request: Request) -> Response:
        hold = find_hold(request)
        hold.dropped = request.query_params.get("drop") == "true"
        hold.released.set()
        # Who waits for the request need not wait any more.
        hold.reached.set()
        return Response(status_code=204)

    async def post_fault(request: Request) -> Response:
        new = models.NewFault.model_validate_json(await request.body())
        fault = Fault(Match(new.service, new.method, new.host, new.path, new.skip), new.effect, new.count)
        world.interference.faults.append(fault)
        return JSONResponse(describe_fault(fault), status_code=201)

    async def get_faults(request: Request) -> Response:  # noqa: ARG001
        return JSONResponse([describe_fault(fault) for fault in world.interference.faults])

    async def delete_fault(request: Request) -> Response:
        found = [fault for fault in world.interference.faults if fault.id == request.path_params["id"]]
        if not found:
            raise ServiceFault(404, "FaultNotFound", "There is no such fault.")
        world.interference.faults.remove(found[0])
        return JSONResponse(describe_fault(found[0]))

    async def delete_faults(request: Request) -> Response:  # noqa: ARG001
        world.interference.faults.clear()
        return Response(status_code=204)

    async def get_journal(request: Request) -> Response:
        wanted = {name: value for name, value in request.query_params.items() if name != "since"}
        entries = world.interference.journal[int(request.query_params.get("since", "0")) :]
        return JSONResponse([entry for entry in entries if wanted.items() <= entry.items()])

    async def get_telemetry(request: Request) -> Response:
        return JSONResponse(world.telemetry[int(request.query_params.get("since", "0")) :])

    return [
        Route("/timing", get_timing),
        Route("/timing", put_timing, methods=["PUT"]),
        Route("/clock", get_clock),
        Route("/clock", put_clock, methods=["PUT"]),
        *make_directory_routes(world),
        *make_resource_manager_routes(world),
        Route("/vaults", post_vault, methods=["POST"]),
        Route("/storage", put_storage, methods=["PUT"]),
        Route("/certificates", post_certificate, methods=["POST"]),
        Route("/exports/mode", put_mode, methods=["PUT"]),
        Route("/exports/outcomes", post_outcomes, methods=["POST"]),
        Route("/exports/{hsm}", get_exports),
        Route("/uploads/outcomes", post_upload_outcomes, methods=["POST"]),
        Route("/transitions/provisioning-failures", post_failures, methods=["POST"]),
        Route("/holds", post_hold, methods=["POST"]),
        Route("/holds/{id}", get_hold),
        Route("/holds/{id}", delete_hold, methods=["DELETE"]),
        Route("/faults", post_fault, methods=["POST"]),
        Route("/faults", get_faults),
        Route("/faults", delete_faults, methods=["DELETE"]),
        Route("/faults/{id}", delete_fault, methods=["DELETE"]),
        Route("/journal", get_journal),
        Route("/telemetry", get_telemetry),
    ]


async def respond_to_bad_input(request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's signature
    """Name what is wrong with a body."""
    details = error.errors(include_url=False, include_input=False) if isinstance(error, ValidationError) else []
    return JSONResponse({"errors": [{"field": list(item["loc"]), "message": item["msg"]} for item in details]}, 400)


def _json(body: models.ControlModel, status: int = 200) -> Response:
    return JSONResponse(body.model_dump(mode="json", by_alias=True), status_code=status)
