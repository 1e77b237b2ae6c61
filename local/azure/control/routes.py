"""The control API's routes."""

import asyncio
from typing import Any

from cryptography.x509 import load_pem_x509_certificate
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.control import models
from local.azure.core.errors import ServiceFault
from local.azure.core.interference import Fault, Hold, Match
from local.azure.entra.models import Application
from local.azure.key_vault.models import Version
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

    async def post_application(request: Request) -> Response:
        new = models.NewApplication.model_validate_json(await request.body())
        made = world.directory.add(Application(new.display_name, new.app_roles))
        if new.azure_role is not None:
            world.subscription.roles[made.object_id] = new.azure_role
        body = models.MadeApplication(
            client_id=made.client_id, client_secret=made.client_secret, object_id=made.object_id
        )
        return _json(body, 201)

    async def post_token(request: Request) -> Response:
        new = models.NewToken.model_validate_json(await request.body())
        token = world.directory.authority.sign(
            new.audience,
            new.object_id,
            new.application_id,
            new.roles,
            seconds=new.expires_in_seconds,
            not_before=new.not_before_in_seconds,
            tenant_id=new.tenant_id,
            issuer=new.issuer,
            person=new.person,
            published=new.signing_key == "published",
        )
        return JSONResponse({"accessToken": token}, status_code=201)

    async def post_vault(request: Request) -> Response:
        new = models.NewVault.model_validate_json(await request.body())
        world.vaults.vaults.setdefault(new.name, {})
        return _json(new, 201)

    async def post_certificate(request: Request) -> Response:
        new = models.NewCertificate.model_validate_json(await request.body())
        certificate = load_pem_x509_certificate(new.certificate_pem.encode())
        version = world.vaults.add(new.vault, new.name, Version(certificate, enabled=new.enabled))
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

    async def post_failures(request: Request) -> Response:
        new = models.ProvisioningFailures.model_validate_json(await request.body())
        world.manager.failures_to_come = new.count
        return _json(new, 201)

    async def put_registration(request: Request) -> Response:
        change = models.Registration.model_validate_json(await request.body())
        world.subscription.registered = change.registered
        return _json(change)

    async def get_hsms(request: Request) -> Response:  # noqa: ARG001
        live = [(hsm, False) for hsm in world.manager.hsms.values()]
        deleted = [(item.hsm, True) for item in world.manager.deleted.values()]
        return JSONResponse(
            [
                {
                    "name": hsm.name,
                    "subscriptionId": hsm.subscription_id,
                    "resourceGroup": hsm.resource_group,
                    "provisioningState": hsm.state,
                    "active": hsm.active,
                    "createdBy": hsm.created_by,
                    "exports": len(hsm.exports),
                    "deleted": gone,
                }
                for hsm, gone in [*live, *deleted]
            ]
        )

    async def delete_hsms(request: Request) -> Response:  # noqa: ARG001
        world.manager.hsms.clear()
        world.manager.deleted.clear()
        return Response(status_code=204)

    async def post_hold(request: Request) -> Response:
        new = models.NewHold.model_validate_json(await request.body())
        hold = Hold(Match(new.service, new.method, new.path_contains, new.skip), new.phase)
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
        match = Match(new.service, new.method, new.path_contains)
        world.interference.faults.append(Fault(match, new.count, new.status, new.retry_after_seconds))
        return _json(new, 201)

    async def get_journal(request: Request) -> Response:
        service = request.query_params.get("service")
        entries: list[dict[str, Any]] = world.interference.journal
        return JSONResponse([entry for entry in entries if service in (None, entry["service"])])

    return [
        Route("/timing", get_timing),
        Route("/timing", put_timing, methods=["PUT"]),
        Route("/clock", get_clock),
        Route("/clock", put_clock, methods=["PUT"]),
        Route("/applications", post_application, methods=["POST"]),
        Route("/tokens", post_token, methods=["POST"]),
        Route("/vaults", post_vault, methods=["POST"]),
        Route("/certificates", post_certificate, methods=["POST"]),
        Route("/exports/mode", put_mode, methods=["PUT"]),
        Route("/exports/outcomes", post_outcomes, methods=["POST"]),
        Route("/exports/{hsm}", get_exports),
        Route("/transitions/provisioning-failures", post_failures, methods=["POST"]),
        Route("/registration", put_registration, methods=["PUT"]),
        Route("/hsms", get_hsms),
        Route("/hsms", delete_hsms, methods=["DELETE"]),
        Route("/holds", post_hold, methods=["POST"]),
        Route("/holds/{id}", get_hold),
        Route("/holds/{id}", delete_hold, methods=["DELETE"]),
        Route("/faults", post_fault, methods=["POST"]),
        Route("/journal", get_journal),
    ]


async def respond_to_bad_input(request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's signature
    """Name what is wrong with a body."""
    details = error.errors(include_url=False, include_input=False) if isinstance(error, ValidationError) else []
    return JSONResponse({"errors": [{"field": list(item["loc"]), "message": item["msg"]} for item in details]}, 400)


def _json(body: models.ControlModel, status: int = 200) -> Response:
    return JSONResponse(body.model_dump(mode="json", by_alias=True), status_code=status)
