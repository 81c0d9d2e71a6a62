//! The page of a comparison.

use super::{
    cells::{group, number, number_title, quiet, row_head, table, title as column},
    head,
    markup::{Element, element},
};
use crate::{
    counted::counted,
    report::compare::{Comparison, Member, Row, accuracy, points},
};

/// With more classes than this the table of all classes is folded.
const MOST_OPEN: usize = 100;

/// A comparison as a page in one file: figures, what is decided of each row, every class, settings and runs.
///
/// It needs no script, no other file and no network, and is also well-formed XML.
pub fn comparison(comparison: &Comparison) -> String {
    let title = title(comparison);
    let main = element("main")
        .child(top(comparison, &title))
        .child(figures(comparison))
        .children(against(comparison))
        .children(classes(comparison))
        .children(settings(comparison))
        .child(runs(comparison));
    let page = element("html").attribute("lang", "en").child(head(&title, false));
    format!("<!DOCTYPE html>\n{}\n", page.child(element("body").child(main)).into_string())
}

fn title(comparison: &Comparison) -> String {
    let runs = comparison.rows.iter().map(|row| row.runs.len()).sum();
    format!("{} compared", counted(runs, "run", "runs"))
}

fn name(text: &str) -> Element {
    element("bdi").text(text)
}

fn head_of(row: &Row) -> Element {
    row_head().child(name(&row.name))
}

/// `text` in one line.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

fn section(title: &str) -> Element {
    element("section").child(element("h2").text(title))
}

fn top(comparison: &Comparison, title: &str) -> Element {
    let warning = comparison.warning().map(|text| {
        let mark = element("strong").text("Warning: ");
        element("p").class("warning").child(mark).text(text)
    });
    let sentences = comparison.rows.iter().filter(|row| row.against.is_some()).map(|row| {
        let text = element("p").class("verdict").child(element("strong").child(name(&row.name)));
        text.text(format!(": {}.", row.sentence))
    });
    let notes = comparison.notes.iter().map(|text| element("li").text(text));
    let header = element("header").children(warning).child(element("h1").text(title));
    let header = header.children(sentences);
    match comparison.notes.is_empty() {
        true => header,
        false => header.child(element("ul").class("notes").children(notes)),
    }
}

fn figures(comparison: &Comparison) -> Element {
    let mut titles = vec![column("method"), number_title("seeds")];
    titles.extend(comparison.figures.iter().map(|figure| number_title(figure.name)));
    let rows = comparison.rows.iter().map(|row| {
        let cells = comparison.figures.iter().map(|figure| match row.figures.get(figure.key) {
            None => number("–"),
            Some(spread) => number(unbroken(&spread.shown(figure, "±")))
                .children(spread.range(figure).map(quiet)),
        });
        element("tr").child(head_of(row)).child(number(row.runs.len())).children(cells)
    });
    let caption = element("p").class("quiet").text(comparison.caption());
    section("Figures").child(caption).child(table(Some("figures"), titles, rows))
}

/// Every row beside the baseline; nothing where there is no other row.
fn against(comparison: &Comparison) -> Option<Element> {
    let others: Vec<_> = comparison.rows.iter().filter(|row| row.against.is_some()).collect();
    let base = comparison.base();
    let reach = others
        .iter()
        .filter_map(|row| row.against.as_ref())
        .flat_map(|against| against.interval.into_iter().flatten().chain([against.difference]));
    let reach = reach.map(f64::abs).fold(f64::MIN_POSITIVE, f64::max);
    let rows = others.iter().map(|row| {
        let against = row.against.as_ref();
        let interval = against.and_then(|against| against.interval);
        let difference = against.map_or(0.0, |against| against.difference);
        let shown = points;
        let text = interval
            .map_or_else(|| "–".into(), |[low, high]| format!("{} to {}", shown(low), shown(high)));
        element("tr")
            .child(head_of(row))
            .child(number(shown(difference)))
            .child(number(unbroken(&text)))
            .child(element("td").class("number").child(bar(difference, interval, reach)))
            .child(element("td").text(row.verdict.name()))
    });
    let titles = [
        column("method"),
        number_title("points"),
        number_title("95% interval"),
        column(""),
        column("decided"),
    ];
    let text = "Difference in balanced top-1, in points. The interval holds what other test images and other seeds of \
                the kind would make of it; the line stands at no difference.";
    (!others.is_empty()).then(|| {
        let title = element("h2").text("Against ").child(name(&base.name));
        let section = element("section").child(title).child(element("p").class("quiet").text(text));
        section.child(table(Some("figures"), titles, rows))
    })
}

/// A difference and its interval beside the line of no difference; `reach` is what fits on either side.
fn bar(difference: f64, interval: Option<[f64; 2]>, reach: f64) -> Element {
    let at = |value: f64| format!("{:.1}%", 50.0 + 48.0 * value / reach);
    let line = |class: &str, [from, to]: [String; 2], [top, bottom]: [u8; 2]| {
        let line = element("line").class(class).attribute("x1", from).attribute("x2", to);
        line.attribute("y1", top).attribute("y2", bottom)
    };
    let zero = line("grid", [at(0.0), at(0.0)], [0, 20]);
    let range = interval.map(|[low, high]| line("range", [at(low), at(high)], [10, 10]));
    let dot = element("circle").class("dot ink").attribute("cx", at(difference));
    let dot = dot.attribute("cy", 10).attribute("r", 4);
    let drawing = element("svg").attribute("width", 150).attribute("height", 20);
    let drawing = drawing.attribute("aria-hidden", "true");
    drawing.child(zero).children(range).child(dot)
}

/// Every class from head to tail, with its accuracy in every row and the difference from the baseline.
fn classes(comparison: &Comparison) -> Option<Element> {
    let title = |row: &Row| element("th").class("number").child(name(&row.name));
    let mut titles = vec![column("class"), number_title("training images"), column("group")];
    titles.extend(comparison.rows.iter().map(title));
    let mut labels: Vec<_> = (0..comparison.classes.len()).collect();
    labels.sort_by_key(|&label| std::cmp::Reverse(comparison.classes[label].train_count));
    let rows = labels.iter().map(|&label| {
        let class = &comparison.classes[label];
        let cells = comparison.rows.iter().map(|row| {
            let against = row.against.as_ref();
            let difference =
                against.and_then(|against| against.classes.get(label).copied().flatten());
            let difference = difference.map(points);
            let own = row.classes.get(label).copied().flatten();
            number(accuracy(own)).children(difference.map(quiet))
        });
        element("tr")
            .child(row_head().child(name(&class.name)))
            .child(number(class.train_count))
            .child(group(class.group))
            .children(cells)
    });
    let count = comparison.classes.len();
    let fold =
        element("details").child(element("summary").text(counted(count, "class", "classes")));
    let fold = fold.child(table(Some("classes"), titles, rows));
    let fold = if count > MOST_OPEN { fold } else { fold.attribute("open", "open") };
    let text = "Accuracy in percent, and how many points it is from the baseline's.";
    let text = element("p").class("quiet").text(text);
    (count > 0).then(|| section("Per class").child(text).child(fold))
}

/// Of every row the settings that are other than the baseline's.
fn settings(comparison: &Comparison) -> Option<Element> {
    let of = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
    let rows: Vec<_> = comparison
        .rows
        .iter()
        .flat_map(|row| row.settings.iter().map(move |setting| (row, setting)))
        .map(|(row, setting)| {
            let cell = |text: String| element("td").text(text);
            let cells = [setting.key.clone(), of(&setting.value), of(&setting.baseline)].map(cell);
            element("tr").child(head_of(row)).children(cells)
        })
        .collect();
    let titles = ["method", "setting", "here", "baseline"].map(column);
    (!rows.is_empty()).then(|| {
        let fold = element("details").child(element("summary").text("Settings that differ"));
        section("Settings").child(fold.child(table(Some("figures"), titles, rows)))
    })
}

fn runs(comparison: &Comparison) -> Element {
    let of_row = |row: &Row| {
        let of_run = |member: &Member| {
            let run = element("td").child(name(&member.run));
            element("tr").child(head_of(row)).child(run).child(number(member.seed))
        };
        row.runs.iter().map(of_run).collect::<Vec<_>>()
    };
    let titles = [column("method"), column("run"), number_title("seed")];
    section("Runs").child(table(Some("figures"), titles, comparison.rows.iter().flat_map(of_row)))
}
