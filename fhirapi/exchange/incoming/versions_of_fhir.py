"""Whether what was written is STU3, or another version of FHIR that looks like it."""

import re

from fhirapi.resources.common import Element

# Resource types that came with R4 and R5.
SINCE_R4 = frozenset(
    (
        *(
            "BiologicallyDerivedProduct",
            "CatalogEntry",
            "ChargeItemDefinition",
        ),
        *(
            "CoverageEligibilityRequest",
            "CoverageEligibilityResponse",
            "DeviceDefinition",
        ),
        *(
            "EffectEvidenceSynthesis",
            "EventDefinition",
            "Evidence",
        ),
        *(
            "EvidenceVariable",
            "ExampleScenario",
            "ImmunizationEvaluation",
        ),
        *(
            "InsurancePlan",
            "Invoice",
            "MedicationKnowledge",
        ),
        *(
            "MedicinalProduct",
            "MolecularSequence",
            "ObservationDefinition",
        ),
        *(
            "OrganizationAffiliation",
            "ResearchDefinition",
            "ResearchElementDefinition",
        ),
        *(
            "RiskEvidenceSynthesis",
            "ServiceRequest",
            "SpecimenDefinition",
        ),
        *(
            "SubstancePolymer",
            "TerminologyCapabilities",
            "VerificationResult",
        ),
        *(
            "Citation",
            "ClinicalUseDefinition",
            "Ingredient",
        ),
        *(
            "NutritionProduct",
            "Permission",
            "InventoryItem",
        ),
        *(
            "DeviceUsage",
            "GenomicStudy",
            "Transport",
        ),
    )
)
PROFILES_OF_R4 = re.compile(r"UKCore-|/us/core/|/R4/|us-core-")
# Elements of what a practice takes that STU3 does not have, or has in another form.
ELEMENTS_OF_R4 = {
    "Appointment": ("reasonCode", "reasonReference", "cancelationReason", "basedOn"),
}
CATEGORIES = ("Schedule", "Slot", "Appointment")  # which have several since R4
SAID = "it is FHIR R4 (or later); FHIR STU3 is expected"


def is_later_than_stu3(resource: Element) -> bool:
    """Whether a resource can only be of R4 or later, by its type, profile or form."""
    kind = resource.get("resourceType")
    if kind in SINCE_R4:
        return True
    meta = resource.get("meta")
    if isinstance(meta, dict):
        profiles = meta.get("profile")
        if "source" in meta:
            return True
        if isinstance(profiles, list) and any(
            isinstance(each, str) and PROFILES_OF_R4.search(each) for each in profiles
        ):
            return True
    if kind in CATEGORIES and isinstance(resource.get("serviceCategory"), list):
        return True
    return any(name in resource for name in ELEMENTS_OF_R4.get(str(kind), ()))
