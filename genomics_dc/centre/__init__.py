"""The data centre: the one place where people meet numbers.

`open_centre` reads centre.yaml (registry, key file, stores, policy, principals) and gives a `DataCentre` for one
principal and one purpose. Every question is decided by the policy, then by consent, and written to the audit log before
anything is shown; when the log cannot be written, nothing is shown. Genotypes come from the stores by opaque sample id,
phenotypes and identity from the registry.

Who the principal is, is taken from centre.yaml and, where it names an `account`, from the operating system: there is no
login here. Whoever can read the key file and the database is trusted by the machine, not by this module.
"""

from genomics_dc.centre.cohort import CentreCohort
from genomics_dc.centre.door import REGISTRY_PURPOSE, DataCentre, open_centre
from genomics_dc.centre.person import CentrePerson, PersonFindings
from genomics_dc.cohorts.home import DEFAULT_POLICY, CentreConfig, StoreHome, create_centre, read_centre, upgrade_centre

__all__ = [
    "DEFAULT_POLICY",
    "REGISTRY_PURPOSE",
    "CentreCohort",
    "CentreConfig",
    "CentrePerson",
    "DataCentre",
    "PersonFindings",
    "StoreHome",
    "create_centre",
    "open_centre",
    "read_centre",
    "upgrade_centre",
]
