//! Fused operators.
