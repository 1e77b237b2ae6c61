"""The control API's routes that fill the directory, and mint tokens."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.azure.control import models
from local.azure.control.minting import mint
from local.azure.entra.models import Api, Application, Directory, Group, Person
from local.azure.world import World


def make_directory_routes(world: World) -> list[Route]:
    """Make the routes."""
    directory = world.directory

    async def post_application(request: Request) -> Response:
        new = models.NewApplication.model_validate_json(await request.body())
        made = directory.add(Application(new.display_name, new.app_roles, groups=new.groups))
        if new.azure_role is not None:
            world.subscription.roles[made.object_id] = new.azure_role
        body = models.MadeApplication(
            client_id=made.client_id, client_secret=made.client_secret, object_id=made.object_id
        )
        return _created(body)

    async def post_api(request: Request) -> Response:
        new = models.NewApi.model_validate_json(await request.body())
        directory.add_api(Api(new.audience, new.client_id, frozenset(new.scopes), new.version))
        return _created(new)

    async def post_person(request: Request) -> Response:
        new = models.NewPerson.model_validate_json(await request.body())
        person = Person(
            new.display_name, new.user_principal_name, new.groups, new.app_roles, account_enabled=new.account_enabled
        )
        made = directory.add_person(person)
        return _created(_describe_person(made))

    async def get_people(request: Request) -> Response:  # noqa: ARG001 - a handler's signature
        people = [_describe_person(person) for person in directory.people.values()]
        return JSONResponse([person.model_dump(by_alias=True) for person in people])

    async def post_group(request: Request) -> Response:
        new = models.NewGroup.model_validate_json(await request.body())
        made = directory.add_group(Group(new.display_name, new.groups))
        return _created(models.MadeGroup(display_name=made.display_name, groups=made.groups, object_id=made.object_id))

    async def post_token(request: Request) -> Response:
        new = models.NewToken.model_validate_json(await request.body())
        return JSONResponse({"accessToken": mint(directory.authority, new)}, status_code=201)

    return [
        Route("/applications", post_application, methods=["POST"]),
        Route("/apis", post_api, methods=["POST"]),
        *_make_client_routes(directory),
        Route("/people", post_person, methods=["POST"]),
        Route("/people", get_people),
        Route("/groups", post_group, methods=["POST"]),
        Route("/tokens", post_token, methods=["POST"]),
    ]


def _describe_person(person: Person) -> models.MadePerson:
    return models.MadePerson(
        display_name=person.display_name,
        user_principal_name=person.user_principal_name,
        app_roles=person.app_roles,
        groups=person.groups,
        account_enabled=person.account_enabled,
        object_id=person.object_id,
    )


def _make_client_routes(directory: Directory) -> list[Route]:
    """Make the routes of what people sign in to."""

    async def post_spa_client(request: Request) -> Response:
        new = models.NewSpaClient.model_validate_json(await request.body())
        made = directory.add(Application(new.display_name, spa_redirect_uris=new.redirect_uris))
        return _created(models.MadeSpaClient(client_id=made.client_id))

    async def put_spa_client(request: Request) -> Response:
        changed = models.RedirectUris.model_validate_json(await request.body())
        application = directory.applications.get(request.path_params["client"])
        if application is None:
            return JSONResponse({"error": "there is no such application"}, status_code=404)
        application.spa_redirect_uris = changed.redirect_uris
        body = models.MadeSpaClient(client_id=application.client_id)
        return JSONResponse(body.model_dump(by_alias=True))

    return [
        Route("/spa-clients", post_spa_client, methods=["POST"]),
        Route("/spa-clients/{client}", put_spa_client, methods=["PUT"]),
    ]


def _created(body: models.ControlModel) -> Response:
    return JSONResponse(body.model_dump(mode="json", by_alias=True), status_code=201)
