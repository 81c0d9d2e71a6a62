//! What a page shows of an analysis, of images, and of a run that goes on.

use longtail::report::{
    Summary,
    html::{Details, Published, ReportInput, Underway, render},
};

use super::{
    html::{of_class, text, with_document},
    sample::{analyses, gallery, records, summary},
};

fn detailed(summary: &Summary) -> String {
    let analyses = analyses(summary, 2000);
    let gallery = gallery(summary, &analyses);
    let published =
        Published { balanced_top1: 0.86, source: "Table 3, <RCL>".into(), epochs: Some(200) };
    let details = Details {
        analyses: Some(&analyses),
        gallery: Some(&gallery),
        stages: &[(12, "classifier")],
        published: Some(&published),
        ..Details::default()
    };
    let records = records(summary);
    render(&ReportInput { summary, records: &records, recipe: "", hardware: "", details })
}

#[test]
fn nothing_of_a_page_can_reach_out() {
    let page = detailed(&summary(10, 20, true));
    assert!(!page.contains("<script"));
    with_document(&page, |document| {
        let policy = document
            .descendants()
            .find(|node| node.attribute("http-equiv") == Some("Content-Security-Policy"))
            .and_then(|node| node.attribute("content"));
        assert_eq!(policy, Some("default-src 'none'; style-src 'unsafe-inline'; img-src data:"));
        for node in document.descendants() {
            assert_eq!(node.attribute("href"), None);
            if let Some(source) = node.attribute("src") {
                assert!(source.starts_with("data:image/png;base64,"), "{source}");
                assert!(!node.attribute("alt").unwrap_or_default().is_empty());
            }
        }
    });
}

#[test]
fn confusions_are_those_of_the_analysis() {
    let summary = summary(10, 20, true);
    let analyses = analyses(&summary, 2000);
    let matrix = analyses.last.confusion.as_ref().unwrap();
    with_document(&detailed(&summary), |document| {
        let cells = of_class(document, "rect", "hover");
        let filled = matrix.iter().flatten().filter(|&&count| count > 0).count();
        assert_eq!(cells.len(), filled);
        let titles: Vec<_> = cells.into_iter().map(text).collect();
        let right = matrix[0][0];
        let share = right as f64 / matrix[0].iter().sum::<usize>() as f64;
        let expected = format!("class 0 called class 0: {right} ({:.1}%)", share * 100.0);
        assert!(titles.contains(&expected), "{expected}: {titles:?}");
        let pairs = of_class(document, "ol", "pairs")[0];
        let items: Vec<_> =
            pairs.children().filter(|node| node.has_tag_name("li")).map(text).collect();
        assert_eq!(items.len(), analyses.last.worst_confusions.len().min(10));
        let worst = &analyses.last.worst_confusions[0];
        let count = format!("{} of its images", worst.count);
        assert!(items[0].contains(&count), "{}", items[0]);
        let images = pairs.descendants().filter(|node| node.has_tag_name("img")).count();
        let expected = analyses.last.worst_confusions.iter().take(10).map(|of| of.images.len());
        assert_eq!(images, expected.sum::<usize>());
    });
}

#[test]
fn rare_classes_come_first_with_what_their_images_are_called() {
    let summary = summary(10, 20, true);
    with_document(&detailed(&summary), |document| {
        let rare = of_class(document, "div", "rare-class");
        assert_eq!(rare.len(), 3);
        assert!(text(rare[0]).contains("class 9 50 training images"), "{}", text(rare[0]));
        // 9 · image mod 10 of four images: 0, 9, 8, 7.
        let tried: Vec<_> = of_class(document, "span", "tried").into_iter().map(text).collect();
        assert_eq!(&tried[..4], ["✗ class 0", "✓ class 9", "✗ class 8", "✗ class 7"]);
    });
}

#[test]
fn calibration_other_priors_and_geometry_are_those_of_the_analysis() {
    let summary = summary(10, 20, true);
    let last = analyses(&summary, 2000).last;
    with_document(&detailed(&summary), |document| {
        let all = text(document.root());
        let calibration = last.calibration.as_ref().unwrap();
        let ece = format!("All images: calibration error {:.1}%", calibration.all.ece * 100.0);
        assert!(all.contains(&ece), "{ece}");
        assert!(all.contains("many-shot classes: calibration error"));
        // Of the counts of CIFAR-10-LT no class has few images.
        assert!(calibration.few.is_none() && !all.contains("few-shot classes: calibration error"));
        let diagonals = of_class(document, "line", "diagonal").len();
        assert_eq!(diagonals, 3, "all, many, medium");
        for shift in &last.priors.as_ref().unwrap().shifts {
            let accuracy = format!("{:.1}%", shift.accuracy.unwrap() * 100.0);
            assert!(all.contains(&accuracy), "{accuracy}");
        }
        let features = last.features.as_ref().unwrap();
        let index = format!("{:.3}", features.davies_bouldin.unwrap());
        assert!(all.contains(&index), "{index}");
    });
}

#[test]
fn stages_and_the_published_figure_are_shown() {
    let summary = summary(10, 20, true);
    with_document(&detailed(&summary), |document| {
        let seams = of_class(document, "line", "stage");
        assert_eq!(seams.len(), 4);
        // Between epochs 12 and 13 of 20, which are 11 and 12 of 19.
        assert!(seams.iter().all(|seam| seam.attribute("x1") == Some("60.526%")));
        let all = text(document.root());
        assert!(all.contains("epoch 13: the stage classifier begins"));
        assert!(all.contains(
            "Published for this method on this data: 86.0% (Table 3, <RCL>, after 200 epochs; this run has 20)."
        ));
        assert!(all.contains("0.1.0 at commit 0123456789ab") && all.contains("f32"));
    });
}

#[test]
fn a_run_that_goes_on_says_so_and_its_page_loads_itself_again() {
    let mut run = summary(10, 3, true);
    run.last.test = None;
    let underway =
        Some(Underway { done: 3, epochs: 20, seconds_left: Some(125.0), is_stopped: false });
    let details = Details { underway, ..Details::default() };
    let records = records(&run);
    let of = |details| {
        render(&ReportInput { summary: &run, records: &records, recipe: "", hardware: "", details })
    };
    let page = of(details);
    with_document(&page, |document| {
        let said = text(of_class(document, "p", "underway")[0]);
        assert!(said.contains("3 of 20 epochs are done. About 2 min are left."), "{said}");
        let all = text(document.root());
        assert!(!all.contains("There is no test set") && !all.contains("Finished"));
    });
    assert!(page.contains("http-equiv=\"refresh\""));
    let stopped = underway.map(|of| Underway { is_stopped: true, ..of });
    let stopped = of(Details { underway: stopped, ..Details::default() });
    assert!(stopped.contains("Training was stopped when 3 of 20 epochs are done"), "{stopped}");
    assert!(!stopped.contains("http-equiv=\"refresh\""));
    assert!(!of(Details::default()).contains("http-equiv=\"refresh\""));
}

#[test]
fn many_thousand_classes_make_no_large_page() {
    for classes in [1000, 8142] {
        let summary = summary(classes, 20, true);
        let page = detailed(&summary);
        assert!(page.len() < 5_000_000, "{classes}: {} bytes", page.len());
        with_document(&page, |document| {
            let all = text(document.root());
            assert!(all.contains("too many classes for a matrix"));
            assert!(all.contains("Between the groups"));
            let rows = of_class(document, "table", "classes")[0].descendants();
            let rows = rows.filter(|node| node.has_tag_name("tr")).count();
            assert_eq!(rows, 1 + if classes > 1000 { 500 } else { classes });
        });
    }
}
