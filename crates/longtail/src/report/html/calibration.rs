//! Whether the model is as sure as it is right, and what other frequencies of the classes would make of it.

use super::{
    cells::{self, number, number_title, row_head, title},
    markup::{Element, element},
    plot::{curve, figure, frame, from_top, legend, share, x_tick},
    scale::Scale,
    section,
};
use crate::{
    eval::{Analysis, Calibration, Group, Prior, Reliability, Shift, ShiftedPriors},
    report::{columns::percent, counted},
};

const HEIGHT: u32 = 170;

/// Reliability over all images and by group, and accuracies under other priors; nothing where neither is known.
pub(super) fn trust(of: &Analysis) -> Option<Element> {
    let calibration = of.calibration.as_ref().map(reliabilities);
    let priors = of.priors.as_ref().map(shifted);
    let missing = of.not_computed.iter().map(|reason| {
        element("p").class("quiet").text(format!("Not everything could be computed: {reason}."))
    });
    if calibration.is_none() && priors.is_none() && of.not_computed.is_empty() {
        return None;
    }
    let section = section("trust", "How far it can be trusted").children(missing);
    Some(section.children(calibration.into_iter().flatten()).children(priors.into_iter().flatten()))
}

fn reliabilities(of: &Calibration) -> Vec<Element> {
    let groups = [&of.many, &of.medium, &of.few];
    let groups = Group::ALL.into_iter().zip(groups);
    let groups = groups.filter_map(|(group, of)| {
        Some(reliability(&format!("{group}-shot classes"), group.name(), of.as_ref()?))
    });
    let all = reliability("All images", "ink", &of.all);
    let text = "How many of the images that the model is so sure of are right. On the line it is as sure as it is \
                right; bars below it are overconfident.";
    vec![element("p").text(text), element("div").class("panels").child(all).children(groups)]
}

fn reliability(title: &str, class: &str, of: &Reliability) -> Element {
    let scale = Scale::linear(0.0, 1.0);
    let label = format!("{title}: accuracy by confidence");
    let drawing = frame(&label, HEIGHT, &scale, |value| format!("{:.0}%", value * 100.0));
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0];
    let drawing = drawing.children(ticks.map(|at| x_tick(at, &format!("{:.0}%", at * 100.0))));
    let bars = of.bins.iter().filter_map(|bin| {
        let (accuracy, confidence) = (bin.accuracy?, bin.confidence?);
        let words = format!(
            "{}, {} sure on average, {} right",
            counted(bin.images, "image", "images"),
            percent(Some(confidence)),
            percent(Some(accuracy))
        );
        let (width, height) = ((bin.high - bin.low).max(0.004), accuracy.max(0.004));
        let bar = element("rect").class(format!("bar {class}")).attribute("x", share(bin.low));
        let bar = bar.attribute("width", share(width * 0.92)).attribute("y", from_top(height));
        Some(bar.attribute("height", share(height)).child(element("title").text(words)))
    });
    let line = element("line").class("diagonal").attribute("y1", "100%").attribute("x2", "100%");
    let caption = format!("{title}: calibration error {}", percent(Some(of.ece)));
    let said = format!(
        "{}: {} sure on average, {} right",
        counted(of.images, "image", "images"),
        percent(Some(of.confidence)),
        percent(Some(of.accuracy))
    );
    let said = element("p").class("quiet").text(said);
    figure(&caption, [drawing.children(bars).child(line), said])
}

/// As text and places of an axis, from a tail that is turned round to the training's order.
fn place(shift: &Shift) -> Option<(i64, String)> {
    let factor = || shift.factor.map(|factor| factor as i64);
    match shift.prior {
        Prior::Backward => Some((-factor()?, format!("1:{}", factor()?))),
        Prior::Uniform => Some((0, "even".into())),
        Prior::Forward => Some((factor()?, format!("{}:1", factor()?))),
        Prior::Training | Prior::Inverse => None,
    }
}

fn shifted(of: &ShiftedPriors) -> Vec<Element> {
    let mut shifts: Vec<_> =
        of.shifts.iter().filter_map(|shift| Some((place(shift)?, shift))).collect();
    shifts.sort_by_key(|((at, _), _)| *at);
    let last = shifts.len().saturating_sub(1).max(1) as f64;
    let x = |at: usize| at as f64 / last;
    let scale = Scale::linear(0.0, 1.0);
    let title = "Accuracy where test classes are as frequent as other long tails say";
    let drawing = frame(title, HEIGHT, &scale, |value| format!("{:.0}%", value * 100.0));
    let ticks = shifts.iter().enumerate().map(|(at, ((_, label), _))| x_tick(x(at), label));
    let line = |class: &str, value: fn(&Shift) -> Option<f64>| {
        let points = shifts.iter().enumerate().map(|(at, (_, shift))| Some((x(at), value(shift)?)));
        curve(class, &points.collect::<Vec<_>>())
    };
    let drawing = drawing
        .children(ticks)
        .child(line("first", |shift| shift.accuracy))
        .child(line("second", |shift| shift.corrected));
    let key = legend([("first", "as it is"), ("second", "corrected for that prior")]);
    let text = "What the same answers come to where test classes are not equally frequent. 100:1: a long tail as in \
                training, with 100 images of the most frequent class for one of the rarest; 1:100: the tail turned round.";
    vec![
        element("h3").text("Other frequencies of the classes"),
        element("p").text(text),
        figure(title, [drawing, key]),
        table(of),
    ]
}

fn table(of: &ShiftedPriors) -> Element {
    let of_numbers = ["as it is", "corrected"].map(number_title);
    let titles = std::iter::once(title("prior of the test classes")).chain(of_numbers);
    let titles = titles.map(|title| title.attribute("scope", "col"));
    let rows = of.shifts.iter().map(|shift| {
        let factor =
            shift.factor.map_or_else(String::new, |factor| format!(", factor {factor:.0}"));
        let name = match shift.prior {
            Prior::Uniform => "all alike",
            Prior::Training => "as in training",
            Prior::Inverse => "as 1 / training images",
            Prior::Forward => "long tail as in training",
            Prior::Backward => "long tail turned round",
        };
        let name = row_head().text(format!("{name}{factor}"));
        let cell = |value| number(percent(value));
        element("tr").child(name).child(cell(shift.accuracy)).child(cell(shift.corrected))
    });
    let fold = element("details").child(element("summary").text("As numbers"));
    fold.child(cells::table(None, titles, rows))
}
