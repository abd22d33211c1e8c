"""Pure objectives: no data, no loop."""

from imbdeep.losses._generative import ObservationLikelihood, gaussian_log_density

__all__ = ["ObservationLikelihood", "gaussian_log_density"]
