/// A number and what it counts: `1 class`, `2 classes`.
///
/// ```
/// use longtail::report::counted;
///
/// assert_eq!([0, 1, 2].map(|count| counted(count, "epoch", "epochs")), ["0 epochs", "1 epoch", "2 epochs"]);
/// ```
pub fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
