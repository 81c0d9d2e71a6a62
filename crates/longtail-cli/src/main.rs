//! The longtail program.
fn main() {}
