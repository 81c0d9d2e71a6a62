/// Seconds that were measured, as people say them: `12.3 s`, `1 min 5 s`, `2 h 4 min`.
///
/// ```
/// use longtail::report::duration;
///
/// assert_eq!([12.34, 65.0, 7440.0].map(duration), ["12.3 s", "1 min 5 s", "2 h 4 min"]);
/// ```
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{:.1} s", seconds.max(0.0)),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Seconds that are roughly known: `12 s`, `1 min`, `2 h 4 min`, `1 d 3 h`.
///
/// ```
/// use longtail::report::rough_duration;
///
/// assert_eq!([12.34, 65.0, 7440.0].map(rough_duration), ["12 s", "1 min", "2 h 4 min"]);
/// ```
pub fn rough_duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match (whole / 86_400, whole / 3600 % 24, whole / 60 % 60) {
        (0, 0, 0) => format!("{whole} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_their_units() {
        let said = [0.04, 59.4, 59.6, 61.0, 3599.0, 3661.0].map(duration);
        assert_eq!(said, ["0.0 s", "59.4 s", "1 min 0 s", "1 min 1 s", "59 min 59 s", "1 h 1 min"]);
        let said = [59.0, 61.0, 7260.0, 90_000.0].map(rough_duration);
        assert_eq!(said, ["59 s", "1 min", "2 h 1 min", "1 d 1 h"]);
        assert_eq!([duration(-1.0), duration(f64::NAN)], ["0.0 s", "0.0 s"]);
    }
}
