from .calibration import (
    Calibration as Calibration,
)
from .calibration import (
    CalibrationError as CalibrationError,
)
from .calibration import (
    Gains as Gains,
)
from .calibration import (
    calibration as calibration,
)
from .calibration import (
    expected_calibration_error as expected_calibration_error,
)
from .calibration import (
    gains as gains,
)
from .intervals import holm as holm
from .intervals import wilson as wilson
from .ranking import (
    Difference as Difference,
)
from .ranking import (
    Estimate as Estimate,
)
from .ranking import (
    auc_difference as auc_difference,
)
from .ranking import (
    brier as brier,
)
from .ranking import (
    by_segment as by_segment,
)
from .ranking import (
    gini as gini,
)
from .ranking import (
    ks as ks,
)
from .ranking import (
    pr_auc as pr_auc,
)
from .ranking import (
    roc_auc as roc_auc,
)
from .sequential import always_valid_p as always_valid_p
from .sequential import confidence_sequence as confidence_sequence
from .stratified import (
    Association as Association,
)
from .stratified import (
    rate_ratio as rate_ratio,
)
from .stratified import (
    risk_difference as risk_difference,
)
from .stratified import (
    stratified_test as stratified_test,
)
from .survival import Survival as Survival
from .survival import kaplan_meier as kaplan_meier
