//! The page of a run that goes on, and of one that is done.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use super::{
    program::{Place, SMALL},
    signals::Running,
};

/// What the server at `port` answers to a request in these words.
fn ask(port: u16, method: &str, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let words = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(words.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_run_that_goes_on_is_shown_on_this_machine_alone() {
    let place = Place::with_photos();
    let options = SMALL.replace("--quiet", "--epochs 100000");
    let words = format!("train {options} --serve --out run");
    let mut running = Running::start(place.command(&words));
    let said = running.wait_for("the report as it grows: http://127.0.0.1:");
    let port = said.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let own = format!("127.0.0.1:{port}");
    let get = |path: &str| ask(port, "GET", path, &own);
    assert!(get("/").contains("<iframe src=\"report.html\""));
    // The page of an epoch is written once the next has begun at the latest.
    running.wait_for("epoch 2 ");
    let page = get("/report.html");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("Training goes on"), "{page}");
    let state = get("/state");
    running.wait_for("epoch 4 ");
    assert_ne!(get("/state").lines().last(), state.lines().last());
    assert!(get("/recipe.toml").starts_with("HTTP/1.1 404"));
    assert!(get("/../summary.json").starts_with("HTTP/1.1 404"));
    assert!(ask(port, "GET", "/", "elsewhere.example").starts_with("HTTP/1.1 403"));
    assert!(ask(port, "POST", "/", &own).starts_with("HTTP/1.1 405"));
    running.signal("INT");
    running.ends_with(130, "saved; continue with");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nothing listens any more");
}

#[test]
fn a_port_that_is_taken_is_said_before_any_work() {
    let place = Place::with_photos();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = place.fail(1, &format!("train {SMALL} --serve={port} --out run"));
    assert!(said.contains(&format!("--serve cannot use port {port}")), "{said}");
    assert!(!place.exists("run"));
}

#[test]
fn the_page_of_a_finished_run_has_all_of_it() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --out run"));
    let page = fs::read_to_string(place.path("run/report.html")).unwrap();
    for part in [
        "id=\"confusions\"",
        "id=\"rarest\"",
        "id=\"trust\"",
        "id=\"embedding\"",
        "<img ",
        "Between the groups",
        "src=\"data:image/png;base64,",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http-equiv=\"refresh\"") && !page.contains("Training goes on"));
}
