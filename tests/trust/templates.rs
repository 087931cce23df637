//! A template changes how a projection looks, not where it points.
