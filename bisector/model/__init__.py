"""The values that everything else passes around: frozen, picklable, without behaviour of their own.

Sizes are bytes and times are seconds throughout; names end in ``_bytes`` and ``_s``.
"""

from bisector.model.index import Excluded, File, Interpreter, Plan, Release
from bisector.model.outcome import (
    Distribution,
    Json,
    Measurement,
    Outcome,
    ProcessPeak,
    Reason,
    Signature,
)
from bisector.model.probe import Claim, Conditions, Documented, Policy, Probe, Symptom

__all__ = [
    "Claim",
    "Conditions",
    "Distribution",
    "Documented",
    "Excluded",
    "File",
    "Interpreter",
    "Json",
    "Measurement",
    "Outcome",
    "Plan",
    "Policy",
    "Probe",
    "ProcessPeak",
    "Reason",
    "Release",
    "Signature",
    "Symptom",
]
