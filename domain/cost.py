"""What an HSM costs, as far as it is known without asking Azure."""

from collections.abc import Mapping
from typing import Final

from domain.fields import Sku

# US dollars for a month, from creation until purge, whether active or not. As of November 2026 Microsoft's own module
# (Azure/terraform-azure-avm-res-keyvault-managedhsm, README) says about 2,500 of a Standard_B1. Prices differ by region
# and contract: the policy's monthlyCostUsd goes before.
KNOWN_MONTHLY_COST_USD: Final[Mapping[Sku, float]] = {"Standard_B1": 2500.0}


def in_all_regions(cost: float, additional_regions: int) -> float:
    """Give what an HSM costs that is extended to other regions: it is billed in each.

    Source: Microsoft, Managed HSM, multi-region-replication.md.
    """
    return cost * (1 + additional_regions)
