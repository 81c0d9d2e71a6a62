use longtail::report::{Outcome, class_table};
use unicode_width::UnicodeWidthStr;

use super::sample::summary;

#[test]
fn the_table_of_a_small_run_reads_as_it_should() {
    let mut run = summary(10, 20, true);
    run.classes[0].name = "airplane".into();
    run.classes[1].name = "猫".repeat(20);
    run.classes[3].name = "cat".into();
    let text = class_table(&run, Some(4));
    assert_eq!(text, EXPECTED, "\n{text}");
}

#[test]
fn no_line_is_wider_than_a_terminal_whatever_the_names() {
    for classes in [2, 10, 24, 100, 1000] {
        for validated in [true, false] {
            let text = class_table(&summary(classes, 20, validated), None);
            assert_eq!(text.lines().count(), classes + 13);
            for line in text.lines() {
                assert!(line.width() <= 80, "{line}");
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}

#[test]
fn classes_stand_from_head_to_tail() {
    let mut run = summary(24, 20, true);
    run.classes.reverse();
    let text = class_table(&run, None);
    let counts: Vec<usize> = text
        .lines()
        .skip(2)
        .take(24)
        .map(|line| line.split_whitespace().rev().nth(5).unwrap().parse().unwrap())
        .collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
}

#[test]
fn the_middle_of_many_classes_can_be_left_out() {
    let run = summary(100, 20, true);
    for max in [0, 1, 2, 7, 99] {
        let text = class_table(&run, Some(max));
        assert!(text.contains(&format!("… {} more classes …", 100 - max)), "{text}");
        assert_eq!(text.lines().count(), max + 1 + 13);
    }
    assert!(!class_table(&run, Some(100)).contains("more classes"));
}

#[test]
fn a_run_without_figures_still_lists_its_classes() {
    let mut run = summary(10, 1, false);
    run.last = Outcome::default();
    let text = class_table(&run, None);
    assert!(text.contains("class 9") && text.contains("no epoch was chosen"), "{text}");
}

const EXPECTED: &str = "\
class                      train group   test last test best  val last  val best
--------------------------------------------------------------------------------
airplane                    5000 many        66.0%     75.0%     65.0%     75.0%
猫猫猫猫猫猫猫猫猫猫猫猫…   2997 many        64.0%     72.0%     60.0%     70.0%
… 6 more classes …
class 8                       83 medium      41.0%     46.0%     40.0%     45.0%
class 9                       50 medium      39.0%     43.0%     35.0%     40.0%
--------------------------------------------------------------------------------
top-1                                        52.5%     59.0%     50.5%     57.0%
arithmetic mean                              52.5%     59.0%     50.5%     57.0%
harmonic mean                                50.8%     57.0%     48.6%     54.7%
worst class                                  39.0%     43.0%     35.0%     40.0%
many                             (8)         55.6%     62.6%     53.8%     60.6%
medium                           (2)         40.0%     44.5%     37.5%     42.5%
few                              (0)             –         –         –         –
classes at 0%                                    0         0         0         0
images                                        1000      1000       200       200
best: epoch 11 of 20, chosen on validation; test images chose nothing
";
