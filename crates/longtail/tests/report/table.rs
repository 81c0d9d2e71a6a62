use longtail::report::{Outcome, class_table};
use unicode_width::UnicodeWidthStr;

use super::sample::{photos, situations, summary};

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
            assert_eq!(text.lines().count(), classes + 17);
            for line in text.lines() {
                assert!(line.width() <= 80, "{line}");
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}

#[test]
fn figures_of_outputs_stand_below_where_they_are_known() {
    let mut run = summary(10, 20, true);
    let without = class_table(&run, None).lines().count();
    let test = run.last.test.as_mut().unwrap();
    test.scores.macro_f1 = Some(0.4567);
    test.scores.calinski_harabasz = Some(12345.67);
    test.scores.davies_bouldin = Some(2.346);
    let text = class_table(&run, None);
    assert_eq!(text.lines().count(), without + 3);
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap();
    let shown = |name| line(name).split_whitespace().rev().take(4).collect::<Vec<_>>();
    assert_eq!(shown("macro F1"), ["–", "–", "–", "45.7%"]);
    assert_eq!(shown("Calinski–Harabasz"), ["–", "–", "–", "12345.7"]);
    assert_eq!(shown("Davies–Bouldin")[3], "2.35");
    assert!(text.lines().all(|line| line.width() <= 80), "{text}");
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
        .map(|line| line.split_whitespace().rev().nth(6).unwrap().parse().unwrap())
        .collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
}

#[test]
fn the_middle_of_many_classes_can_be_left_out() {
    let run = summary(100, 20, true);
    for max in [0, 1, 2, 7, 99] {
        let text = class_table(&run, Some(max));
        assert!(text.contains(&format!("… {} more classes …", 100 - max)), "{text}");
        assert_eq!(text.lines().count(), max + 1 + 17);
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

#[test]
fn every_situation_fits_a_terminal() {
    for (name, summary) in situations() {
        let text = class_table(&summary, None);
        for line in text.lines() {
            assert!(line.width() <= 80, "{name}: {line}");
            assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
        }
    }
}

#[test]
fn a_mean_over_one_of_two_classes_cannot_be_read_as_one_over_two() {
    let text = class_table(&photos(&["cat", "wolf"], &[40, 1], &[(1, 1), (0, 0)]), None);
    assert_eq!(text, ONE_OF_TWO, "\n{text}");
}

#[test]
fn a_stop_within_an_epoch_is_told_within_the_width() {
    let mut run = summary(10, 20, true);
    run.best.as_mut().unwrap().epoch = 20;
    let text = class_table(&run, None);
    assert!(text.contains("epoch 21, in which the run stopped"), "{text}");
    assert!(text.lines().all(|line| line.width() <= 80), "{text}");
}

#[test]
fn warnings_stand_above_the_table() {
    let mut run = photos(&["cat", "wolf"], &[40, 1], &[(0, 4), (2, 2)]);
    run.warnings = vec!["the run did not learn: ".to_owned() + &"word \u{1b}[31m".repeat(20)];
    let text = class_table(&run, None);
    assert!(text.starts_with("WARNING: the run did not learn: word"), "{text}");
    assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.width() <= 80), "{text}");
}

// The intervals are statsmodels' (method="wilson"); the margins were computed with NumPy.
const EXPECTED: &str = "\
class                       train   test group         test last       test best
--------------------------------------------------------------------------------
airplane                     5000    100 many      66.0% (56–75)   75.0% (66–82)
猫猫猫猫猫猫猫猫猫猫猫猫…    2997    100 many      64.0% (54–73)   72.0% (63–80)
… 6 more classes …
class 8                        83    100 medium    41.0% (32–51)   46.0% (37–56)
class 9                        50    100 medium    39.0% (30–49)   43.0% (34–53)
--------------------------------------------------------------------------------
                                        test last test best  val last  val best
top-1                                       52.5%     59.0%     50.5%     57.0%
arithmetic mean                             52.5%     59.0%     50.5%     57.0%
  95% interval: ±                            3.0%      3.0%      6.8%      6.8%
harmonic mean                               50.8%     57.0%     48.6%     54.7%
worst class                                 39.0%     43.0%     35.0%     40.0%
many (8)                                    55.6%     62.6%     53.8%     60.6%
medium (2)                                  40.0%     44.5%     37.5%     42.5%
few (0)                                         –         –         –         –
classes at 0%                                   0         0         0         0
classes with images                         10/10     10/10     10/10     10/10
images                                       1000      1000       200       200
in brackets: 95% interval of the accuracy, in percent
best: epoch 11 of 20, chosen on validation; test images chose nothing
";

// 79.3 is the longer arm of (0.2065, 1), statsmodels' interval of 1 of 1.
const ONE_OF_TWO: &str = "\
class            train   test group          test last
------------------------------------------------------
cat                 40      1 medium   1 of 1 (21–100)
wolf                 1      0 few           –
------------------------------------------------------
                                            test last
top-1                                          100.0%*
arithmetic mean                                100.0%*
  95% interval: ±                               79.3%
harmonic mean                                  100.0%*
worst class                                    1 of 1*
many (0)                                            –
medium (1)                                     1 of 1
few (1)                                             –
classes at 0%                                       0*
classes with images                               1/2
images                                              1
* test: over 1 of 2 classes; the test set has no image of wolf
in brackets: 95% interval of the accuracy, in percent
no epoch was chosen: the figures are those of the last one
";
