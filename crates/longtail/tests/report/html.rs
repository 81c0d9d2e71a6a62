use std::collections::HashMap;

use longtail::report::{
    EpochRecord, Outcome, Summary,
    html::{Details, ReportInput, render, save},
};
use roxmltree::{Document, Node, ParsingOptions};

use super::sample::{LONG, NASTY, photos, records, situations, summary};

fn page(summary: &Summary, records: &[EpochRecord]) -> String {
    let recipe = "method = \"bcl+rcl\" # </pre><script>alert(1)</script>\n";
    render(&ReportInput {
        summary,
        records,
        recipe,
        hardware: "2 cores & no GPU",
        details: Details::default(),
    })
}

/// Parses strictly: a page that is well-formed XML has no element that runs into another.
pub fn with_document(page: &str, check: impl FnOnce(&Document)) {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    check(&Document::parse_with_options(page, options).expect("the page is well-formed"));
}

pub fn of_class<'a>(document: &'a Document, tag: &str, class: &str) -> Vec<Node<'a, 'a>> {
    let has = |node: &Node| {
        let classes = node.attribute("class").unwrap_or_default();
        node.has_tag_name(tag) && classes.split(' ').any(|own| own == class)
    };
    document.descendants().filter(has).collect()
}

pub fn text(node: Node) -> String {
    node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect()
}

#[test]
fn pages_of_every_size_are_well_formed_and_need_nothing_else() {
    for classes in [2, 10, 24, 100, 1000] {
        for epochs in [1, 2, 20, 200] {
            let validated = epochs != 2;
            if classes == 1000 && epochs > 20 {
                continue;
            }
            let summary = summary(classes, epochs, validated);
            let page = page(&summary, &records(&summary));
            for forbidden in ["NaN", "inf%", "http:", "https:", "url(", "@import"] {
                assert!(!page.contains(forbidden), "{classes} classes: {forbidden}");
            }
            with_document(&page, |document| {
                for node in document.descendants() {
                    let tags = ["script", "link", "img", "iframe", "object", "use", "base", "a"];
                    assert!(!tags.contains(&node.tag_name().name()), "{:?}", node.tag_name());
                    for name in ["src", "href", "srcset"] {
                        assert_eq!(node.attribute(name), None);
                    }
                }
            });
        }
    }
}

#[test]
fn every_class_has_its_bar_and_its_row_in_the_order_of_counts() {
    let mut summary = summary(24, 20, true);
    summary.classes.reverse();
    with_document(&page(&summary, &records(&summary)), |document| {
        let counts: Vec<_> = of_class(document, "table", "classes")[0]
            .descendants()
            .filter(|node| node.has_tag_name("tr"))
            .filter_map(|row| row.children().nth(1).and_then(|cell| cell.text()))
            .filter_map(|cell| cell.parse::<usize>().ok())
            .collect();
        assert_eq!(counts.len(), 24);
        assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
        let bars = ["bar", "zero"].map(|class| {
            ["rect", "line"].map(|tag| of_class(document, tag, class).len()).iter().sum::<usize>()
        });
        // The histogram, the test set and the validation set.
        assert_eq!(bars.iter().sum::<usize>(), 3 * 24);
    });
}

#[test]
fn names_and_recipes_are_only_ever_text() {
    let summary = summary(10, 3, true);
    let page = page(&summary, &records(&summary));
    assert!(!page.contains("<b>") && !page.contains("<script") && !page.contains('\u{1b}'));
    let shown = NASTY.replace('\u{1b}', "\u{fffd}");
    with_document(&page, |document| {
        let names: Vec<_> =
            document.descendants().filter(|node| node.has_tag_name("bdi")).collect();
        assert!(names.iter().any(|name| name.text() == Some(shown.as_str())));
        let recipe = document.descendants().find(|node| node.has_tag_name("pre")).unwrap();
        assert_eq!(recipe.text(), Some("method = \"bcl+rcl\" # </pre><script>alert(1)</script>\n"));
    });
}

#[test]
fn figures_say_their_set_and_who_chose_the_model() {
    let chosen = summary(10, 20, true);
    let page_of = |summary: &Summary| page(summary, &records(summary));
    with_document(&page_of(&chosen), |document| {
        let all = text(document.root());
        assert!(all.contains("Test set, last epoch"));
        assert!(all.contains("BCL+RCL, ResNet-32, on cifar10-lt: 10 classes, "));
        assert!(all.contains("Finished 2026-03-01 17:05 UTC."));
        assert!(all.contains("Best is epoch 11 of 20, chosen on the validation set."));
        assert!(all.contains("12.2 s of it (0.3 %)"), "of 4321.5 s, 12.25 were waited");
        let mean = chosen.last.test.as_ref().unwrap().arithmetic_mean;
        let tile = text(of_class(document, "div", "tile")[0]);
        assert!(tile.contains(&format!("{:.1}%", mean * 100.0)), "{tile}");
        // The CIFAR-10 counts at factor 100 leave no class in the few-shot group.
        let few = of_class(document, "div", "few");
        assert!(text(few[0]).contains('–') && text(few[0]).contains("0 classes"));
        assert!(text(few[0]).contains("few-shot"));
    });
    let unchosen = page_of(&summary(10, 20, false));
    assert!(unchosen.contains("No epoch was chosen") && !unchosen.contains("test best"));
}

#[test]
fn notes_are_marked_in_every_curve() {
    let summary = summary(10, 20, true);
    let records = records(&summary);
    with_document(&page(&summary, &records), |document| {
        let marks = of_class(document, "line", "mark");
        assert_eq!(marks.len(), 4, "loss, accuracy, groups and learning rate");
        assert!(marks.iter().all(|mark| mark.attribute("x1") == Some("52.632%")), "10 of 19");
        assert!(text(document.root()).contains("epoch 11: compression on for"));
    });
}

#[test]
fn runs_without_records_or_figures_still_have_a_page() {
    let mut bare = summary(10, 1, false);
    bare.last = Outcome::default();
    let page = page(&bare, &[]);
    assert!(page.contains("no record of its epochs") && page.contains("not evaluated on any set"));
    with_document(&page, |document| {
        assert_eq!(of_class(document, "rect", "bar").len(), 10, "the histogram is still there");
    });
    bare.classes.clear();
    with_document(&self::page(&bare, &[]), |_| {});
}

fn page_of(summary: &Summary) -> String {
    page(summary, &records(summary))
}

#[test]
fn every_situation_has_a_page_and_names_stand_whole_in_it() {
    for (name, summary) in situations() {
        with_document(&page_of(&summary), |document| {
            let table = of_class(document, "table", "classes")[0];
            let names: Vec<_> = table
                .descendants()
                .filter(|node| node.has_tag_name("bdi"))
                .filter_map(|node| node.text())
                .collect();
            assert_eq!(names.len(), summary.classes.len(), "{name}");
            for class in &summary.classes {
                let shown = class.name.replace('\u{1b}', "\u{fffd}");
                assert!(names.contains(&shown.as_str()), "{name}: {shown}");
            }
            for label in of_class(document, "text", "name") {
                assert!(!text(label).contains('…'), "{name}: {}", text(label));
            }
        });
    }
}

#[test]
fn long_names_give_way_to_numbers_under_the_bars() {
    let run = photos(&LONG, &[40, 31, 12, 3], &[(8, 10), (5, 10), (1, 3), (1, 1)]);
    with_document(&page_of(&run), |document| {
        assert!(of_class(document, "text", "name").is_empty());
        let figure = of_class(document, "figure", "numbers")[0];
        let labels: Vec<_> = figure
            .descendants()
            .filter(|node| node.has_tag_name("svg"))
            .filter_map(|place| place.children().find(|node| node.has_tag_name("text")))
            .filter_map(|label| label.text().filter(|text| !text.contains('%')))
            .collect();
        assert_eq!(labels, ["1", "2", "3", "4"]);
        let places = of_class(document, "span", "place").into_iter().map(text);
        assert_eq!(places.collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    });
}

#[test]
fn warnings_stand_on_top_and_notes_below_the_headline() {
    let mut run = summary(10, 3, false);
    run.warnings = vec!["the run did not learn: 97% are called <lynx>".into()];
    run.notes = vec!["13 images were held out".into()];
    with_document(&page_of(&run), |document| {
        let warning = of_class(document, "p", "warning")[0];
        assert_eq!(text(warning), "Warning: the run did not learn: 97% are called <lynx>");
        let header = document.descendants().find(|node| node.has_tag_name("header")).unwrap();
        let parts = header.children().filter(Node::is_element);
        let order: Vec<_> = parts.map(|node| node.tag_name().name()).collect();
        assert_eq!((order[0], order[1], order.last()), ("p", "h1", Some(&"ul")));
        assert_eq!(text(of_class(document, "ul", "notes")[0]), "13 images were held out");
    });
    let calm = page_of(&summary(10, 3, false));
    assert!(!calm.contains("class=\"warning\"") && !calm.contains("class=\"notes\""));
}

#[test]
fn the_headline_says_whether_the_run_worked() {
    let says = |run: &Summary, expected: &[&str]| {
        with_document(&page_of(run), |document| {
            let header = document.descendants().find(|node| node.has_tag_name("header")).unwrap();
            let said = text(header);
            for expected in expected {
                assert!(said.contains(expected), "{said}\nlacks: {expected}");
            }
        });
    };
    let four = ["ant", "bee", "cat", "dog"];
    let run = |right: [usize; 4], images| {
        photos(&four, &[90, 30, 9, 4], &right.map(|right| (right, images)))
    };
    says(
        &run([45, 40, 30, 20], 50),
        &[
            "on photos: 4 classes, 133 training images",
            "67.5%",
            "Chance is 25.0%: it is better than",
        ],
    );
    says(&run([45, 40, 30, 20], 50), &["No class is at 0%."]);
    says(&run([2, 1, 1, 0], 3), &["so few images do not tell it from chance"]);
    says(&run([2, 1, 1, 0], 3), &["1 of 4 classes is at 0%: dog."]);
    let dead =
        &["25.0%", "it is no better than chance", "3 of 4 classes are at 0%: ant, cat, dog."];
    says(&run([0, 50, 0, 0], 50), dead);
    let mut unscored = run([1, 1, 1, 1], 2);
    unscored.last = Outcome::default();
    says(&unscored, &["was not evaluated on any set"]);
}

#[test]
fn means_over_some_classes_say_over_how_many() {
    let one = photos(&["cat", "wolf"], &[40, 1], &[(1, 1), (0, 0)]);
    with_document(&page_of(&one), |document| {
        let said = text(document.root());
        assert!(said.contains("All figures are over 1 of 2 classes"), "{said}");
        assert!(said.contains("The test set has no image of wolf."), "{said}");
        assert!(said.contains("With one class nothing can be told from chance."), "{said}");
        for tile in of_class(document, "div", "tile").into_iter().take(3) {
            assert!(text(tile).contains("over 1 of 2 classes"), "{}", text(tile));
        }
        let table = of_class(document, "table", "classes")[0];
        let cells = |row: Node| row.children().map(|cell| text(cell)).collect::<Vec<_>>();
        let rows: Vec<_> = table.descendants().filter(|node| node.has_tag_name("tr")).collect();
        assert_eq!(cells(rows[1]), ["cat", "40", "medium", "1", "1 of 120.7–100.0"]);
        assert_eq!(cells(rows[2]), ["wolf", "1", "few", "0", "–"]);
    });
}

#[test]
fn figures_are_explained_on_hover_and_below() {
    with_document(&page_of(&summary(10, 3, true)), |document| {
        let abbreviations: Vec<_> =
            document.descendants().filter(|node| node.has_tag_name("abbr")).collect();
        let glossary = text(of_class(document, "section", "glossary")[0]);
        for (name, part) in [
            ("harmonic mean", "divided by the sum of 1 / accuracy"),
            ("balanced top-1", "a rare class counts as much"),
            ("many-shot", "more than 100 training images"),
            ("medium-shot", "20 to 100 training images"),
            ("few-shot", "fewer than 20 training images"),
        ] {
            let mut named = abbreviations.iter().filter(|node| node.text() == Some(name));
            assert!(named.all(|node| node.attribute("title").unwrap().contains(part)), "{name}");
            assert!(abbreviations.iter().any(|node| node.text() == Some(name)), "{name}");
            assert!(glossary.contains(name) && glossary.contains(part), "{name}: {glossary}");
        }
    });
}

/// Relative luminance by WCAG 2.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn text_is_legible_in_light_and_dark() {
    let page = page_of(&summary(10, 1, false));
    let roots: Vec<_> = page.split(":root {").skip(1).collect();
    let colours = |root: &str| -> HashMap<String, String> {
        let block = root.split_once('}').unwrap().0;
        let entries = block.split(';').filter_map(|entry| entry.trim().split_once(": "));
        entries.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let pairs = [
        ("--ink", "--page"),
        ("--ink", "--card"),
        ("--quiet", "--page"),
        ("--quiet", "--card"),
        ("--alarm", "--alarm-page"),
    ];
    for root in &roots[..2] {
        let colours = colours(root);
        for (text, ground) in pairs {
            let (a, b) = (luminance(&colours[text]), luminance(&colours[ground]));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
        }
    }
    assert!(colours(roots[0])["--page"] != colours(roots[1])["--page"], "light and dark");
}

#[test]
fn saving_replaces_the_file_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let summary = summary(10, 1, true);
    let input = ReportInput {
        summary: &summary,
        records: &[],
        recipe: "",
        hardware: "",
        details: Details::default(),
    };
    for _ in 0..2 {
        save(&input, &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), render(&input));
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}
