//! How a figure answers to settings: a line over one of them, a map over two, a panel for each of more.

use super::{
    drawing::{dot, drawing, file, label, line, number},
    markup::{Element, element},
    scale::{Scale, tick_label},
};

/// Height of a panel's drawing, and what stands around it.
const HEIGHT: f64 = 220.0;
const MARGINS: Margins = Margins { left: 62.0, right: 24.0, top: 44.0, bottom: 48.0 };
const WIDTH: f64 = 560.0;
/// Width and height of a map's cell.
const CELL: [f64; 2] = [74.0, 34.0];
/// From this factor between its ends on an axis has equal room for equal factors.
const WIDE: f64 = 20.0;

struct Margins {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// One combination of settings, and the figure that it gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// A value for every setting.
    pub values: Vec<String>,
    /// Mean, least and greatest of the figure, a share; `None` where there is none.
    pub figure: Option<[f64; 3]>,
    /// Whether it was given up before its end.
    pub is_early: bool,
    /// Whether it is the one that was chosen.
    pub is_chosen: bool,
}

/// The picture as SVG. `settings` are named on the axes; `figure` is what the answers are.
pub fn response(title: &str, figure: &str, settings: &[String], answers: &[Answer]) -> String {
    if let [across, down] = settings
        && let Some(cells) = Cells::of(answers)
    {
        return file(cells.draw(title, figure, [across, down]));
    }
    let panels = settings.len().max(1) as f64;
    let height = MARGINS.top + HEIGHT + MARGINS.bottom;
    let mut picture = drawing(title, [WIDTH, 30.0 + height * panels]).child(label(
        "lt-title",
        [12.0, 22.0],
        title,
    ));
    for (place, setting) in settings.iter().enumerate() {
        let top = 30.0 + height * place as f64;
        let is_alone = settings.len() == 1;
        picture = picture.child(panel(figure, setting, place, answers, is_alone, top));
    }
    file(picture)
}

/// Where values of a setting stand on its axis, from 0 to 1, and its ticks.
struct Axis {
    places: Vec<f64>,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    fn of(values: &[&str]) -> Self {
        let numbers: Option<Vec<f64>> = values.iter().map(|value| finite(value)).collect();
        let Some(numbers) = numbers.filter(|numbers| numbers.len() > 1) else {
            return Self::of_names(values);
        };
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let is_wide = low > 0.0 && high / low >= WIDE;
        let scale = if is_wide { Scale::logarithmic(low, high) } else { Scale::linear(low, high) };
        let places = numbers.iter().map(|&number| scale.height(number)).collect();
        let ticks = scale.ticks.iter().map(|&tick| (scale.height(tick), tick_label(tick)));
        Self { places, ticks: ticks.collect() }
    }

    fn of_names(values: &[&str]) -> Self {
        let names = distinct(values);
        let room = names.len().max(1) as f64;
        let place = |name: &str| {
            let index = names.iter().position(|known| *known == name).unwrap_or(0);
            (index as f64 + 0.5) / room
        };
        let places = values.iter().map(|value| place(value)).collect();
        let ticks = names.iter().map(|name| (place(name), (*name).to_owned())).collect();
        Self { places, ticks }
    }
}

fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The values in the order of numbers, or in which they come.
fn distinct<'a>(values: &[&'a str]) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for value in values {
        if !all.contains(value) {
            all.push(value);
        }
    }
    if all.iter().all(|value| finite(value).is_some()) {
        let of = |value: &str| finite(value).unwrap_or(0.0);
        all.sort_by(|one, other| of(one).total_cmp(&of(other)));
    }
    all
}

fn said(answer: &Answer) -> String {
    let figure = answer.figure.map_or("–".into(), |[mean, ..]| format!("{:.1} %", mean * 100.0));
    let early = if answer.is_early { ", given up early" } else { "" };
    format!("{}: {figure}{early}", answer.values.join(", "))
}

fn panel(
    figure: &str,
    setting: &str,
    place: usize,
    answers: &[Answer],
    is_alone: bool,
    top: f64,
) -> Element {
    let known: Vec<&Answer> = answers.iter().filter(|answer| answer.figure.is_some()).collect();
    let ends = known.iter().filter_map(|answer| answer.figure);
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), [_, l, h]| {
        (low.min(l), high.max(h))
    });
    let scale = if low <= high { Scale::linear(low, high) } else { Scale::linear(0.0, 1.0) };
    let values: Vec<&str> =
        known.iter().map(|a| a.values.get(place).map_or("", String::as_str)).collect();
    let axis = Axis::of(&values);
    let x = |share: f64| MARGINS.left + share * (WIDTH - MARGINS.left - MARGINS.right);
    let y = |value: f64| MARGINS.top + (1.0 - scale.height(value)) * HEIGHT;
    let mut group = element("g").attribute("transform", format!("translate(0 {})", number(top)));
    group = group.child(label("lt-tick", [12.0, 22.0], &format!("{figure}, in percent")));
    for &tick in &scale.ticks {
        let at = y(tick);
        group = group.child(line("lt-rule", [x(0.0), at], [x(1.0), at]));
        let text = tick_label(tick * 100.0);
        group = group.child(label("lt-tick lt-end", [x(0.0) - 8.0, at + 4.0], &text));
    }
    let foot = MARGINS.top + HEIGHT;
    for (share, text) in &axis.ticks {
        group = group.child(label("lt-tick lt-middle", [x(*share), foot + 18.0], text));
    }
    group = group.child(label("lt-text lt-middle", [x(0.5), foot + 38.0], setting));
    if is_alone {
        group = group.child(through(&known, &axis, x, y));
    }
    group.children(
        known.iter().zip(&axis.places).flat_map(|(answer, &share)| marks(answer, x(share), y)),
    )
}

/// A line through what came to its end.
fn through(
    known: &[&Answer],
    axis: &Axis,
    x: impl Fn(f64) -> f64,
    y: impl Fn(f64) -> f64,
) -> Element {
    let whole = known.iter().zip(&axis.places).filter(|(answer, _)| !answer.is_early);
    let mut points: Vec<(f64, f64)> =
        whole.filter_map(|(answer, &share)| Some((share, answer.figure?[0]))).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    let path: String = points
        .iter()
        .enumerate()
        .map(|(place, &(share, mean))| {
            let command = if place == 0 { 'M' } else { 'L' };
            format!("{command}{} {}", number(x(share)), number(y(mean)))
        })
        .collect();
    element("path").class("lt-line").attribute("d", path)
}

/// The range over seeds, the mean, and a ring around the chosen one.
fn marks(answer: &Answer, x: f64, y: impl Fn(f64) -> f64) -> Vec<Element> {
    let Some([mean, low, high]) = answer.figure else { return Vec::new() };
    let mut marks = Vec::new();
    if low < high {
        marks.push(line("lt-range", [x, y(low)], [x, y(high)]));
    }
    let class = if answer.is_early { "lt-early" } else { "lt-dot" };
    marks.push(dot(class, [x, y(mean)], 4.0, &said(answer)));
    if answer.is_chosen {
        marks.push(dot("lt-chosen", [x, y(mean)], 8.0, ""));
    }
    marks
}

/// A map: a cell for every pair of values of two settings, all of which there are.
struct Cells<'a> {
    columns: Vec<&'a str>,
    rows: Vec<&'a str>,
    answers: &'a [Answer],
}

impl<'a> Cells<'a> {
    fn of(answers: &'a [Answer]) -> Option<Self> {
        let of = |place: usize| -> Option<Vec<&'a str>> {
            answers.iter().map(|answer| answer.values.get(place).map(String::as_str)).collect()
        };
        let (columns, rows) = (distinct(&of(0)?), distinct(&of(1)?));
        let is_full = columns.len() * rows.len() == answers.len();
        is_full.then_some(Self { columns, rows, answers })
    }

    fn draw(&self, title: &str, figure: &str, [across, down]: [&String; 2]) -> Element {
        let [cell, line_height] = CELL;
        let longest = self.rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
        let left = 24.0 + 8.0 * longest.clamp(down.chars().count().min(24), 40) as f64;
        let size = [
            (left + cell * self.columns.len() as f64 + 24.0).max(360.0),
            110.0 + line_height * self.rows.len() as f64,
        ];
        let caption = format!("{figure}, in percent; across {across}, down {down}");
        let mut picture = drawing(title, size)
            .child(label("lt-title", [12.0, 22.0], title))
            .child(label("lt-tick", [12.0, 42.0], &caption));
        for (place, column) in self.columns.iter().enumerate() {
            let x = left + cell * (place as f64 + 0.5);
            picture = picture.child(label("lt-tick lt-middle", [x, 72.0], column));
        }
        for (place, row) in self.rows.iter().enumerate() {
            let y = 80.0 + line_height * (place as f64 + 0.62);
            picture = picture.child(label("lt-tick lt-end", [left - 8.0, y], row));
        }
        let means = || self.answers.iter().filter_map(|answer| Some(answer.figure?[0]));
        let low = means().fold(f64::INFINITY, f64::min);
        let high = means().fold(f64::NEG_INFINITY, f64::max);
        for answer in self.answers {
            picture = picture.children(self.cell(answer, left, [low, high]));
        }
        picture
    }

    fn cell(&self, answer: &Answer, left: f64, [low, high]: [f64; 2]) -> Vec<Element> {
        let place = |all: &[&str], index: usize| {
            let value = answer.values.get(index).map_or("", String::as_str);
            all.iter().position(|known| *known == value).unwrap_or(0) as f64
        };
        let [width, height] = CELL;
        let x = left + width * place(&self.columns, 0);
        let y = 80.0 + height * place(&self.rows, 1);
        let mean = answer.figure.map(|[mean, ..]| mean);
        // Never so full that the figure in it cannot be read.
        let share = mean.map_or(0.0, |mean| (mean - low) / (high - low).max(f64::MIN_POSITIVE));
        let rect = |class: &str| {
            let rect = element("rect").class(class).attribute("x", number(x));
            rect.attribute("y", number(y)).attribute("width", width).attribute("height", height)
        };
        let heat = rect("lt-heat").attribute("fill-opacity", format!("{:.2}", 0.05 + 0.5 * share));
        let text = mean.map_or("–".into(), |mean| format!("{:.1}", mean * 100.0));
        let text = if answer.is_early { format!("({text})") } else { text };
        let middle = [x + width / 2.0, y + height * 0.62];
        let mut cell = vec![
            heat.child(element("title").text(said(answer))),
            label("lt-text lt-middle", middle, &text),
        ];
        if answer.is_chosen {
            cell.push(rect("lt-chosen"));
        }
        cell
    }
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    fn answer(values: &[&str], mean: Option<f64>) -> Answer {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let figure = mean.map(|mean| [mean, mean - 0.01, mean + 0.01]);
        Answer { values, figure, is_early: false, is_chosen: false }
    }

    fn settings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_setting_is_a_line_with_the_chosen_value_in_a_ring() {
        let mut all = [("0.5", 0.3), ("1.0", 0.5), ("2.0", 0.4)]
            .map(|(value, mean)| answer(&[value], Some(mean)));
        all[1].is_chosen = true;
        let svg = response("τ & more", "balanced top-1", &settings(&["loss.tau"]), &all);
        let page = Document::parse(&svg).unwrap();
        let of = |class: &str| {
            page.descendants().filter(|n| n.attribute("class") == Some(class)).count()
        };
        assert_eq!((of("lt-line"), of("lt-dot"), of("lt-chosen"), of("lt-range")), (1, 3, 1, 3));
        assert!(svg.contains("1.0: 50.0 %"), "{svg}");
    }

    #[test]
    fn a_grid_of_two_is_a_map_and_draws_of_two_are_panels() {
        let grid: Vec<_> = ["1", "2"]
            .iter()
            .flat_map(|a| ["x", "<y>"].map(|b| answer(&[a, b], Some(0.5))))
            .collect();
        let two = settings(&["a", "b"]);
        let svg = response("t", "f", &two, &grid);
        let page = Document::parse(&svg).unwrap();
        let cells = page.descendants().filter(|n| n.attribute("class") == Some("lt-heat"));
        assert_eq!(cells.count(), 4);
        assert!(page.descendants().any(|node| node.text() == Some("<y>")));
        let drawn = response("t", "f", &two, &grid[..3]);
        assert!(
            !drawn.contains("class=\"lt-heat\"") && drawn.matches("class=\"lt-dot\"").count() == 6
        );
    }

    #[test]
    fn wide_ranges_are_logarithmic_and_words_stand_beside_each_other() {
        let wide = Axis::of(&["0.001", "0.01", "0.1"]);
        assert!((wide.places[1] - 0.5).abs() < 1e-12);
        let words = Axis::of(&["resnet8", "resnet20", "resnet8"]);
        assert_eq!(words.places, [0.25, 0.75, 0.25]);
        assert_eq!(distinct(&["10", "9", "1e1"]), ["9", "10", "1e1"]);
        Document::parse(&response("t", "f", &settings(&["a"]), &[])).unwrap();
    }
}
