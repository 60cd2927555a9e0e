"""Results of `leadscore.stats`, which show no names: they are made of arrays."""

import numpy as np

import leadscore as ls

Y = [True, True, True, False, True, False, False, False]
SCORE = [80, 75, 70, 60, 40, 40, 20, 10]
CHANCE = np.array(SCORE) / 100

RESULTS = {
    "Estimate": lambda *_: ls.stats.roc_auc(Y, SCORE),
    "Difference": lambda *_: ls.stats.auc_difference(Y, SCORE, SCORE[::-1]),
    "Gains": lambda *_: ls.stats.gains(Y, SCORE, bins=3),
    "Calibration": lambda *_: ls.stats.calibration(Y, CHANCE, bins=3),
    "CalibrationError": lambda *_: ls.stats.expected_calibration_error(Y, CHANCE, bins=3),
    "Survival": lambda *_: ls.stats.kaplan_meier(SCORE, Y),
}
