//! The report in a browser: what it shows, what it asks for, what it complains about. Skipped, saying so, where there is no
//! Chromium.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::program::Place;

/// Where Chromium sends messages of its own, whatever it shows: its hosts end so. Its updater's alone is at another place,
/// where there is also what a page could ask for.
const ITS_OWN: [&str; 2] = [".google.com", "update.googleapis.com"];

/// A page as the browser has it once it is loaded.
struct Shown {
    /// The document's text, a line for each piece of it.
    text: Vec<String>,
    /// What the console says.
    console: Vec<String>,
    /// What was asked for over a network.
    requests: Vec<String>,
}

fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    let found = found.into_iter().find(|program| program.is_file());
    if found.is_none() {
        eprintln!("skipped: there is no Chromium");
    }
    found
}

/// Loads the file `page`; what the browser writes goes into `place`.
fn show(chromium: &Path, place: &Place, page: &str) -> Shown {
    let [net, said] = ["net.json", "said.txt"].map(|name| place.path(&format!("{page}.{name}")));
    let options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --enable-logging=stderr \
        --virtual-time-budget=5000 --dump-dom";
    let shown = Command::new(chromium)
        .args(options.split_whitespace())
        .arg(format!("--user-data-dir={}", place.path(&format!("{page}.profile")).display()))
        .arg(format!("--log-net-log={}", net.display()))
        .arg(format!("file://{}", place.path(page).display()))
        .stdin(Stdio::null())
        .stderr(File::create(&said).unwrap())
        .output()
        .unwrap();
    let said = fs::read_to_string(said).unwrap();
    assert!(shown.status.success(), "{said}");
    let lines = said.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned);
    let asked = urls(&fs::read_to_string(net).unwrap());
    Shown {
        text: text_of(&String::from_utf8(shown.stdout).unwrap()),
        console: lines.collect(),
        requests: asked.into_iter().filter(|url| !is_its_own(host(url))).collect(),
    }
}

/// What the browser's log of its network says it asked for.
fn urls(log: &str) -> Vec<String> {
    let parts = log.split("\"url\":\"").skip(1);
    let urls = parts.map(|part| part.split('"').next().unwrap_or_default().to_owned());
    urls.filter(|url| url.starts_with("http") || url.starts_with("ws")).collect()
}

fn is_its_own(host: &str) -> bool {
    ITS_OWN.into_iter().any(|own| host.ends_with(own))
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':', '?']).next().unwrap_or_default()
}

/// The pieces of text between the marks of a document, without its style.
fn text_of(document: &str) -> Vec<String> {
    let body = document.split_once("<body").map_or(document, |(_, body)| body);
    let pieces = body.split('<').filter_map(|piece| piece.split_once('>'));
    let pieces = pieces.filter(|(mark, _)| !mark.starts_with("style"));
    pieces.map(|(_, text)| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// A share as people read it.
fn percent(share: &Value) -> String {
    format!("{:.1}%", share.as_f64().unwrap() * 100.0)
}

/// The piece of text behind the first piece that is `name`, at or after `from`.
fn behind<'a>(text: &'a [String], from: &str, name: &str) -> &'a str {
    let begin = text.iter().position(|piece| piece == from).unwrap_or_else(|| panic!("no {from}"));
    let at = text[begin..].iter().position(|piece| piece == name);
    &text[begin + at.unwrap_or_else(|| panic!("no {name} after {from}")) + 1]
}

#[test]
fn what_a_browser_complains_about_or_asks_for_is_seen() {
    let Some(chromium) = chromium() else { return };
    let place = Place::new();
    place.write(
        "page.html",
        "<body><p>one</p><img src=\"http://127.0.0.1:9/x.png\"><script>console.error(\"a fault\")</script>",
    );
    let shown = show(&chromium, &place, "page.html");
    assert_eq!(shown.text[0], "one");
    assert!(shown.console[0].contains("a fault"), "{:?}", shown.console);
    assert!(shown.requests.contains(&"http://127.0.0.1:9/x.png".into()), "{:?}", shown.requests);
}

#[test]
fn the_report_shows_the_runs_figures_asks_for_nothing_and_has_no_fault() {
    let Some(chromium) = chromium() else { return };
    let place = Place::new();
    place.succeed("train --method la --max-steps 30 --quiet --out run");
    fs::copy(place.path("run/report.html"), place.path("report.html")).unwrap();
    let Shown { text, console, requests } = show(&chromium, &place, "report.html");
    assert!(console.is_empty(), "{console:?}");
    assert!(requests.is_empty(), "{requests:?}");
    let summary = place.json("run/summary.json");
    let test = &summary["last"]["test"];
    let begin = "Test set, last epoch";
    for (name, key) in [
        ("balanced top-1", "arithmetic_mean"),
        ("harmonic mean", "harmonic_mean"),
        ("worst class", "worst_class"),
    ] {
        assert_eq!(behind(&text, begin, name), percent(&test[key]), "{name}");
    }
    for (name, key) in [("top-1", "top1"), ("arithmetic mean", "arithmetic_mean")] {
        assert_eq!(behind(&text, "All figures", name), percent(&test[key]), "{name}");
    }
    let classes = summary["classes"].as_array().unwrap();
    let last = |name: &str| text.iter().rposition(|piece| piece == name).unwrap();
    let table = &text[last("training images")..];
    for (number, class) in classes.iter().enumerate() {
        let row = table.iter().position(|piece| class["name"] == piece.as_str()).unwrap();
        let row = &table[row..];
        assert_eq!(row[1], class["train_count"].to_string());
        assert_eq!(row[3], test["per_class_images"][number].to_string());
        assert_eq!(row[4], percent(&test["per_class"][number]), "{class}");
    }
}
