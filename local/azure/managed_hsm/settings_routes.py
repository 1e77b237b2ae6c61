"""The settings' routes."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.managed_hsm.bodies import read_body
from local.azure.managed_hsm.door import Door
from local.azure.managed_hsm.settings import SettingUpdate


def make_settings_routes(door: Door) -> list[Route]:
    """Make the routes."""

    async def list_settings(request: Request) -> Response:
        """List the settings: there is one, `AllowKeyManagementOperationsThroughARM`."""
        hsm = door.enter(request, "settings/read/action")
        return JSONResponse({"settings": hsm.settings.list()})

    async def get_setting(request: Request) -> Response:
        """Give a setting."""
        hsm = door.enter(request, "settings/read/action")
        return JSONResponse(hsm.settings.get(request.path_params["name"]))

    async def patch_setting(request: Request) -> Response:
        """Change a setting.

        Leaves out: what it would switch on: ARM has no keys of an HSM here.
        """
        hsm = door.enter(request, "settings/write/action")
        asked = read_body(SettingUpdate, await request.body())
        return JSONResponse(hsm.settings.change(request.path_params["name"], asked.value))

    return [
        Route("/settings", list_settings),
        Route("/settings/{name}", get_setting),
        Route("/settings/{name}", patch_setting, methods=["PATCH"]),
    ]
