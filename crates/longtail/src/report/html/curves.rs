//! What changed from epoch to epoch.

use super::{
    markup::{Element, element},
    plot::{self, figure, frame, from_top, legend, share, x_tick},
    scale::{Scale, tick_label},
    section,
};
use crate::{
    eval::{Evaluation, Group},
    report::{EpochRecord, columns::percent},
};

/// Above this many epochs single points are no longer drawn.
const MOST_DOTS: usize = 60;
const HEIGHT: u32 = 190;

struct Series {
    name: String,
    class: &'static str,
    values: Vec<Option<f64>>,
}

/// Its epochs, and the stages behind the first one by the epoch that each begins with.
#[derive(Clone, Copy)]
struct Run<'a> {
    records: &'a [EpochRecord],
    stages: &'a [(usize, &'a str)],
}

impl<'a> Run<'a> {
    /// Stages that a recorded epoch belongs to.
    fn begun(self) -> impl Iterator<Item = (usize, &'a str)> {
        let epochs = || self.records.iter().map(|record| record.epoch);
        let recorded = epochs().min().zip(epochs().max());
        let is_recorded = move |epoch| recorded.is_some_and(|(a, b)| (a..=b).contains(&epoch));
        self.stages.iter().copied().filter(move |(epoch, _)| is_recorded(*epoch))
    }
}

/// All curves of a run, with a mark at every epoch that has a note.
pub(super) fn curves(records: &[EpochRecord], stages: &[(usize, &str)]) -> Element {
    let section = section("training", "Training, by epoch");
    if records.is_empty() {
        return section.child(element("p").text("The run has no record of its epochs."));
    }
    let run = Run { records, stages };
    let panels = [losses(run), accuracies(run), groups(run), learning_rate(run)];
    let grid = element("div").class("panels").children(panels.into_iter().flatten());
    section.child(grid).children(notes(run))
}

fn series(
    name: impl Into<String>,
    class: &'static str,
    records: &[EpochRecord],
    value: impl Fn(&EpochRecord) -> Option<f64>,
) -> Option<Series> {
    let values: Vec<_> =
        records.iter().map(|record| value(record).filter(|value| value.is_finite())).collect();
    values.iter().any(Option::is_some).then_some(Series { name: name.into(), class, values })
}

/// Colours of the parts of a loss, which repeat.
const PARTS: [&str; 3] = ["first", "second", "third"];

fn losses(run: Run) -> Option<Element> {
    let records = run.records;
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in records.iter().flat_map(|record| record.loss_parts.iter()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let whole = series("whole loss", "ink", records, |record| Some(record.loss));
    let parts = names
        .iter()
        .zip(PARTS.into_iter().cycle())
        .map(|(name, class)| series(*name, class, records, |record| record.loss_parts.get(name)));
    let all: Vec<_> = std::iter::once(whole).chain(parts).collect();
    let (low, high) = extent(&all)?;
    panel("Loss", run, &Scale::linear(low, high), all, tick_label, precise)
}

fn learning_rate(run: Run) -> Option<Element> {
    let records = run.records;
    let rate = [series("learning rate", "ink", records, |record| Some(record.lr))];
    let (low, high) = extent(&rate)?;
    let (title, scale) = if low > 0.0 && high / low > 20.0 {
        let (low, high) = (low.log10().floor(), high.log10().ceil());
        let scale = Scale::logarithmic(10_f64.powf(low), 10_f64.powf(high));
        ("Learning rate, logarithmic", scale)
    } else {
        ("Learning rate", Scale::linear(0.0, high))
    };
    panel(title, run, &scale, rate, tick_label, |value| value.to_string())
}

fn accuracies(run: Run) -> Option<Element> {
    let records = run.records;
    let of_val = |figure: fn(&Evaluation) -> f64| {
        move |record: &EpochRecord| record.val.as_ref().map(figure)
    };
    let train = |record: &EpochRecord| record.train_accuracy;
    let of_mean = |mean: &str| format!("validation, {mean} mean{}", over(records));
    let parts = vec![
        series(of_mean("arithmetic"), "first", records, of_val(|val| val.arithmetic_mean)),
        series(of_mean("harmonic"), "second", records, of_val(|val| val.harmonic_mean)),
        series("training images, as sampled", "ink", records, train),
    ];
    percent_panel("Accuracy", run, parts)
}

/// Over how many classes the means on validation run, where some has no image there.
fn over(records: &[EpochRecord]) -> String {
    let val = records.iter().find_map(|record| record.val.as_ref());
    let numbers = val.map(|val| (val.classes_tested, val.per_class.len()));
    match numbers.filter(|(tested, all)| tested < all) {
        Some((tested, all)) => format!(" over {tested} of {all} classes"),
        None => String::new(),
    }
}

fn groups(run: Run) -> Option<Element> {
    let records = run.records;
    let parts = Group::ALL.map(|group| {
        let name = group.name();
        series(name, name, records, |record| record.val.as_ref().and_then(|val| val.group(group)))
    });
    percent_panel("Validation accuracy by group", run, parts.into())
}

fn percent_panel(title: &str, run: Run, parts: Vec<Option<Series>>) -> Option<Element> {
    let (_, high) = extent(&parts)?;
    let scale = Scale::linear(0.0, high.max(0.1));
    let tick = |value: f64| format!("{:.0}%", value * 100.0);
    panel(title, run, &scale, parts, tick, |value| percent(Some(value)))
}

/// The least and the largest value of all series; `None` where there is no value.
fn extent(parts: &[Option<Series>]) -> Option<(f64, f64)> {
    let values = parts.iter().flatten().flat_map(|part| part.values.iter().flatten().copied());
    values.fold(None, |extent, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

fn precise(value: f64) -> String {
    format!("{value:.4}")
}

fn panel(
    title: &str,
    run: Run,
    scale: &Scale,
    parts: impl IntoIterator<Item = Option<Series>>,
    tick: impl Fn(f64) -> String,
    exact: impl Fn(f64) -> String,
) -> Option<Element> {
    let records = run.records;
    let across = Across::new(records)?;
    let mut drawing = frame(title, HEIGHT, scale, tick).children(across.ticks());
    drawing = drawing.children(seams(run, &across)).children(marks(records, &across));
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    for part in &parts {
        let points: Vec<_> = records
            .iter()
            .zip(&part.values)
            .map(|(record, value)| value.map(|value| (across.x(record.epoch), scale.height(value))))
            .collect();
        drawing = drawing.child(plot::curve(part.class, &points));
        if records.len() <= MOST_DOTS {
            drawing = drawing.children(dots(part, records, &points, &exact));
        }
    }
    let key = legend(parts.iter().map(|part| (part.class, part.name.as_str())));
    Some(figure(title, [drawing, key]))
}

fn dots<'a>(
    part: &'a Series,
    records: &'a [EpochRecord],
    points: &'a [Option<(f64, f64)>],
    exact: &'a impl Fn(f64) -> String,
) -> impl Iterator<Item = Element> + 'a {
    let known = records.iter().zip(&part.values).zip(points);
    known.filter_map(move |((record, value), point)| {
        let ((x, y), value) = ((*point)?, (*value)?);
        let title = format!("{}, epoch {}: {}", part.name, record.epoch + 1, exact(value));
        let dot = element("circle").class(format!("dot {}", part.class));
        let dot = dot
            .attribute("cx", share(x))
            .attribute("cy", from_top(y))
            .attribute("r", if records.len() == 1 { 4.0 } else { 2.5 });
        Some(dot.child(element("title").text(title)))
    })
}

/// The horizontal axis: epochs, shown from 1.
struct Across {
    first: usize,
    last: usize,
}

impl Across {
    fn new(records: &[EpochRecord]) -> Option<Self> {
        let epochs = || records.iter().map(|record| record.epoch);
        Some(Self { first: epochs().min()?, last: epochs().max()? })
    }

    fn x(&self, epoch: usize) -> f64 {
        let range = self.last - self.first;
        if range == 0 { 0.5 } else { (epoch - self.first) as f64 / range as f64 }
    }

    fn ticks(&self) -> Vec<Element> {
        let range = self.last - self.first;
        let steps = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 5000];
        let step = steps.into_iter().find(|step| range / step <= 6).unwrap_or(range.max(1));
        let round = (self.first..=self.last).filter(|epoch| (epoch + 1).is_multiple_of(step));
        let tick = |epoch: usize| x_tick(self.x(epoch), &(epoch + 1).to_string());
        let mut ticks: Vec<_> = round.map(tick).collect();
        if ticks.is_empty() {
            ticks.push(tick(self.last));
        }
        ticks
    }
}

fn marks<'a>(records: &'a [EpochRecord], across: &'a Across) -> impl Iterator<Item = Element> + 'a {
    noted(records).map(|(record, note)| {
        let x = share(across.x(record.epoch));
        let line = element("line").class("mark").attribute("x1", &x).attribute("x2", x);
        let title = format!("epoch {}: {note}", record.epoch + 1);
        line.attribute("y2", "100%").child(element("title").text(title))
    })
}

fn noted(records: &[EpochRecord]) -> impl Iterator<Item = (&EpochRecord, &str)> {
    records.iter().filter_map(|record| record.note.as_deref().map(|note| (record, note)))
}

/// A line before the first epoch of every stage.
fn seams<'a>(run: Run<'a>, across: &'a Across) -> impl Iterator<Item = Element> + 'a {
    run.begun().map(|(epoch, name)| {
        let x =
            share((across.x(epoch) + across.x(epoch.saturating_sub(1).max(across.first))) / 2.0);
        let line = element("line").class("stage").attribute("x1", &x).attribute("x2", x);
        let title = format!("epoch {}: the stage {name} begins", epoch + 1);
        line.attribute("y2", "100%").child(element("title").text(title))
    })
}

/// What the vertical lines stand for.
fn notes(run: Run) -> Option<Element> {
    let stages = run.begun().map(|(epoch, name)| {
        let key = element("span").class("key stage");
        element("li").child(key).text(format!("epoch {}: the stage {name} begins", epoch + 1))
    });
    let noted = noted(run.records).map(|(record, note)| {
        let key = element("span").class("key mark");
        element("li").child(key).text(format!("epoch {}: {note}", record.epoch + 1))
    });
    let entries: Vec<_> = stages.chain(noted).collect();
    (!entries.is_empty()).then(|| element("ul").class("legend").children(entries))
}
