//! Views: pure functions of an image and a random stream.
