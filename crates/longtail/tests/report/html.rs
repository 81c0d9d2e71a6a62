use longtail::report::{
    EpochRecord, Outcome, Summary,
    html::{ReportInput, render, save},
};
use roxmltree::{Document, Node, ParsingOptions};

use super::sample::{NASTY, records, summary};

fn page(summary: &Summary, records: &[EpochRecord]) -> String {
    let recipe = "method = \"bcl+rcl\" # </pre><script>alert(1)</script>\n";
    render(&ReportInput { summary, records, recipe, hardware: "2 cores & no GPU" })
}

/// Parses strictly: a page that is well-formed XML has no element that runs into another.
fn with_document(page: &str, check: impl FnOnce(&Document)) {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    check(&Document::parse_with_options(page, options).expect("the page is well-formed"));
}

fn of_class<'a>(document: &'a Document, tag: &str, class: &str) -> Vec<Node<'a, 'a>> {
    let has = |node: &Node| {
        let classes = node.attribute("class").unwrap_or_default();
        node.has_tag_name(tag) && classes.split(' ').any(|own| own == class)
    };
    document.descendants().filter(has).collect()
}

fn text(node: Node) -> String {
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
        let names: Vec<_> = document.descendants().filter(|node| node.has_tag_name("th")).collect();
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
        assert!(all.contains("Best is epoch 11 of 20, chosen on the validation set."));
        assert!(all.contains("12.2 s of it (0.3 %)"), "of 4321.5 s, 12.25 were waited");
        let mean = chosen.last.test.as_ref().unwrap().arithmetic_mean;
        let tile = text(of_class(document, "div", "tile")[0]);
        assert!(tile.contains(&format!("{:.1}%", mean * 100.0)), "{tile}");
        // The CIFAR-10 counts at factor 100 leave no class in the few-shot group.
        let few = of_class(document, "div", "few");
        assert!(text(few[0]).contains('–') && text(few[0]).contains("0 classes"));
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

#[test]
fn saving_replaces_the_file_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let summary = summary(10, 1, true);
    let input = ReportInput { summary: &summary, records: &[], recipe: "", hardware: "" };
    for _ in 0..2 {
        save(&input, &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), render(&input));
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}
