"""The full backups by schedule: how a run begins."""

import logging

import azure.durable_functions as df

from clients.instances import start_only
from domain.names import BACKUP_INSTANCE

_log = logging.getLogger("hsm_provisioner.backups")


def start_backups(client: df.SyncDurableFunctionsClient) -> None:
    """Start the one instance, unless it runs."""
    if not start_only("fleet_backup", BACKUP_INSTANCE, client):
        _log.info("a run of backups is under way already")
