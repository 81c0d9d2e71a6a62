//! The page of a run that goes on, on this machine alone: a browser that has it open sees every epoch.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    thread,
    time::UNIX_EPOCH,
};

use anyhow::{Context, anyhow};
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

/// What is around the page: it asks whether that has changed, and loads it again where it was being read.
const FRAME: &str = include_str!("serve.html");
/// What is shown before the first epoch is done.
const WAITING: &str = "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"/>\
    <title>Longtail</title><meta name=\"color-scheme\" content=\"light dark\"/>\
    <body style=\"font: 16px/1.5 system-ui, sans-serif; padding: 24px\">\
    <p>The first epoch is not done yet.</p></body></html>\n";
const HTML: &str = "text/html; charset=utf-8";

/// A port of the loopback address that nobody else has, before there is anything to show.
pub struct Serve {
    server: Server,
    address: SocketAddr,
}

impl Serve {
    /// `port` 0 is any that is free.
    pub fn bind(port: u16) -> anyhow::Result<Self> {
        let server = Server::http((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
            anyhow!(
                "--serve cannot use port {port} ({error}); --serve alone takes one that is free"
            )
        })?;
        let address = server.server_addr().to_ip().context("--serve has no address")?;
        Ok(Self { server, address })
    }

    /// Shows the file `page` until the program ends; gives the address to open.
    pub fn show(self, page: PathBuf) -> String {
        let Self { server, address } = self;
        thread::spawn(move || {
            for request in server.incoming_requests() {
                // Whoever asked may be gone.
                let _ = answer(request, address, &page);
            }
        });
        format!("http://{address}/")
    }
}

fn answer(request: Request, address: SocketAddr, page: &Path) -> std::io::Result<()> {
    let (status, kind, body) = if !is_for(&request, address) {
        (403, "text/plain", b"this is not its address\n".to_vec())
    } else if !matches!(request.method(), Method::Get | Method::Head) {
        (405, "text/plain", b"only to be read\n".to_vec())
    } else {
        match request.url() {
            "/" => (200, HTML, FRAME.into()),
            "/report.html" => (200, HTML, fs::read(page).unwrap_or_else(|_| WAITING.into())),
            "/state" => (200, "text/plain", state(page).into()),
            _ => (404, "text/plain", b"there is no such page\n".to_vec()),
        }
    };
    let headers = [("Content-Type", kind), ("Cache-Control", "no-store")];
    let headers =
        headers.into_iter().filter_map(|(name, value)| Header::from_bytes(name, value).ok());
    let length = body.len();
    request.respond(Response::new(
        StatusCode(status),
        headers.collect(),
        body.as_slice(),
        Some(length),
        None,
    ))
}

/// Whether the browser means this server: a page from elsewhere whose name leads here does not.
fn is_for(request: &Request, address: SocketAddr) -> bool {
    let host = request.headers().iter().find(|header| header.field.equiv("Host"));
    let port = address.port();
    host.is_some_and(|host| {
        let host = host.value.as_str();
        host == format!("127.0.0.1:{port}") || host == format!("localhost:{port}")
    })
}

/// Changes whenever the page does.
fn state(page: &Path) -> String {
    let Ok(meta) = fs::metadata(page) else { return "none".into() };
    let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{}-{}", since.unwrap_or_default().as_nanos(), meta.len())
}
