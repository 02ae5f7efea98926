//! `cargo xtask serve`: a small file server for `dist/`, for this machine alone.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

use crate::build;

const THREADS: usize = 8;

/// Builds the site and serves it until the program is stopped.
pub fn serve(port: u16) -> Result<()> {
    build::dist()?;
    let port = listen(Path::new(build::DIST), port)?;
    println!("GraySAM is served on http://localhost:{port}/ (Ctrl+C stops it).");
    loop {
        thread::park();
    }
}

/// Serves the files below `root` on 127.0.0.1 from threads of their own and returns the port,
/// which is a free one where `port` is 0.
pub fn listen(root: &Path, port: u16) -> Result<u16> {
    let root = fs::canonicalize(root).with_context(|| format!("{} is missing", root.display()))?;
    let server = Server::http(("127.0.0.1", port)).map_err(|error| {
        anyhow!("port {port} cannot be used ({error}): choose another one with `--port`.")
    })?;
    let port = server
        .server_addr()
        .to_ip()
        .context("the server has no port")?
        .port();
    let server = Arc::new(server);
    for _ in 0..THREADS {
        let (server, root) = (Arc::clone(&server), root.clone());
        thread::spawn(move || {
            while let Ok(request) = server.recv() {
                // A reader that went away is its own affair.
                let _ = answer(&root, request);
            }
        });
    }
    Ok(port)
}

fn answer(root: &Path, request: Request) -> io::Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        let response = message(405, "Only GET and HEAD are answered here.");
        return request.respond(response.with_header(header("Allow", "GET, HEAD")));
    }
    let Some(path) = resolve(root, request.url()) else {
        return request.respond(message(404, "There is no such file."));
    };
    let file = File::open(&path)?;
    let (length, etag) = describe(&file)?;
    if value(&request, "If-None-Match").is_some_and(|known| known.contains(&etag)) {
        return request.respond(dress(body(304, io::empty(), length), &path, &etag));
    }
    match wanted(&request, &etag, length) {
        Range::Whole => request.respond(dress(body(200, file, length), &path, &etag)),
        Range::Part { first, last } => {
            let response = body(206, part(file, first, last)?, last - first + 1).with_header(
                header("Content-Range", &format!("bytes {first}-{last}/{length}")),
            );
            request.respond(dress(response, &path, &etag))
        }
        Range::Outside => {
            let response = message(416, "The file is shorter than that.");
            let size = format!("bytes */{length}");
            request.respond(response.with_header(header("Content-Range", &size)))
        }
    }
}

/// The part of the file that the request asks for. The RFC gives ranges a meaning for GET only;
/// a part of another version of the file would not fit the parts that the reader has.
fn wanted(request: &Request, etag: &str, length: u64) -> Range {
    let other_version = value(request, "If-Range").is_some_and(|version| version != etag);
    match value(request, "Range") {
        Some(text) if *request.method() == Method::Get && !other_version => {
            parse_range(text, length)
        }
        _ => Range::Whole,
    }
}

/// The file's length in bytes, and an ETag that changes with its length or date.
fn describe(file: &File) -> io::Result<(u64, String)> {
    let metadata = file.metadata()?;
    let date = metadata
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let length = metadata.len();
    Ok((length, format!("\"{:x}-{length:x}\"", date.as_nanos())))
}

fn part(mut file: File, first: u64, last: u64) -> io::Result<io::Take<File>> {
    file.seek(SeekFrom::Start(first))?;
    Ok(file.take(last - first + 1))
}

fn body<R: Read>(status: u16, data: R, length: u64) -> Response<R> {
    let length = usize::try_from(length).ok();
    // Content-Length rather than chunks, so that the page can show how far a download is.
    Response::new(StatusCode(status), Vec::new(), data, length, None)
        .with_chunked_threshold(usize::MAX)
}

fn message(status: u16, text: &str) -> Response<io::Cursor<Vec<u8>>> {
    Response::from_string(text)
        .with_status_code(status)
        .with_header(header("X-Content-Type-Options", "nosniff"))
}

fn dress<R: Read>(response: Response<R>, path: &Path, etag: &str) -> Response<R> {
    response
        .with_header(header("Content-Type", mime_type(path)))
        .with_header(header("ETag", etag))
        .with_header(header("Accept-Ranges", "bytes"))
        .with_header(header("Cache-Control", "no-cache"))
        .with_header(header("X-Content-Type-Options", "nosniff"))
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("names and values are plain ASCII")
}

fn value<'a>(request: &'a Request, name: &'static str) -> Option<&'a str> {
    let found = request
        .headers()
        .iter()
        .find(|header| header.field.equiv(name))?;
    Some(found.value.as_str())
}

/// The file that `url` means, if it is one below `root` (an absolute path without links).
fn resolve(root: &Path, url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?;
    let decoded = percent_decode(path)?;
    let mut file = root.to_path_buf();
    for name in decoded.strip_prefix('/')?.split('/') {
        // Colons and backslashes name other places on Windows.
        if name == "." || name == ".." || name.contains(['\\', ':', '\0']) {
            return None;
        }
        file.push(name);
    }
    if file.is_dir() {
        file.push("index.html");
    }
    let file = fs::canonicalize(file).ok()?;
    (file.starts_with(root) && file.is_file()).then_some(file)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// Both ends belong to it, as in the header.
    Part {
        first: u64,
        last: u64,
    },
    Outside,
}

/// Reads a Range header (RFC 9110, section 14) for a file of `length` bytes. What cannot be
/// understood, and several ranges at once, mean the whole file, as the RFC allows.
fn parse_range(text: &str, length: u64) -> Range {
    let bounds = text
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
        .and_then(|(first, last)| match (first, last) {
            ("", suffix) => Some((length.saturating_sub(number(suffix)?), u64::MAX)),
            (first, "") => Some((number(first)?, u64::MAX)),
            (first, last) => Some((number(first)?, number(last)?)),
        });
    match bounds {
        Some((first, last)) if first <= last && first < length => Range::Part {
            first,
            last: last.min(length - 1),
        },
        Some((first, last)) if first <= last => Range::Outside,
        _ => Range::Whole,
    }
}

/// A number of decimal digits alone; one that is too large for any file counts as the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn mime_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    match &*extension {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "json" | "map" | "webmanifest" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "tif" | "tiff" => "image/tiff",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn ranges_follow_the_rfc() {
        let part = |first, last| Range::Part { first, last };
        // The examples of RFC 9110, section 14.1.2, for 10 000 bytes.
        assert_eq!(parse_range("bytes=0-499", 10_000), part(0, 499));
        assert_eq!(parse_range("bytes=500-999", 10_000), part(500, 999));
        assert_eq!(parse_range("bytes=-500", 10_000), part(9_500, 9_999));
        assert_eq!(parse_range("bytes=9500-", 10_000), part(9_500, 9_999));
        assert_eq!(parse_range("bytes=9999-20000", 10_000), part(9_999, 9_999));
        assert_eq!(parse_range("bytes=-20000", 10_000), part(0, 9_999));
        let huge = "bytes=0-99999999999999999999999";
        assert_eq!(parse_range(huge, 10_000), part(0, 9_999));
    }

    #[test]
    fn ranges_past_the_end_cannot_be_met() {
        for text in [
            "bytes=10-",
            "bytes=10-20",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(parse_range(text, 10), Range::Outside, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Range::Outside);
    }

    #[test]
    fn other_ranges_mean_the_whole_file() {
        for text in [
            "bytes=",
            "bytes=-",
            "bytes=5-4",
            "bytes=0-1,3-4",
            "bytes=+1-2",
            "lines=0-1",
        ] {
            assert_eq!(parse_range(text, 10), Range::Whole, "{text}");
        }
    }

    /// A folder `site` with index.html and "www/a b.js", beside a file that is none of its own.
    fn site(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("site/www")).unwrap();
        fs::write(folder.join("site/index.html"), "<p>page</p>").unwrap();
        fs::write(folder.join("site/www/a b.js"), "0123456789").unwrap();
        fs::write(folder.join("secret.txt"), "secret").unwrap();
        fs::canonicalize(folder.join("site")).unwrap()
    }

    #[test]
    fn urls_of_files_are_resolved() {
        let root = site("resolve");
        assert_eq!(resolve(&root, "/"), Some(root.join("index.html")));
        assert_eq!(
            resolve(&root, "/index.html?x=/../y"),
            Some(root.join("index.html"))
        );
        assert_eq!(
            resolve(&root, "/www/a%20b.js"),
            Some(root.join("www/a b.js"))
        );
        assert_eq!(resolve(&root, "/www/"), None);
        assert_eq!(resolve(&root, "/none.html"), None);
        fs::remove_dir_all(root.parent().unwrap()).unwrap();
    }

    #[test]
    fn urls_do_not_leave_the_site() {
        let root = site("traversal");
        let absolute = format!("/{}", root.with_file_name("secret.txt").display());
        for url in [
            "/../secret.txt",
            "/www/../../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/..%5csecret.txt",
            "/%2e%2e%00/secret.txt",
            "/%zz",
            "/%",
            "/%ff",
            "",
            "../secret.txt",
            "http://localhost/index.html",
            &absolute,
        ] {
            assert_eq!(resolve(&root, url), None, "{url}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret.txt", root.join("link.txt")).unwrap();
            assert_eq!(resolve(&root, "/link.txt"), None);
        }
        fs::remove_dir_all(root.parent().unwrap()).unwrap();
    }

    #[test]
    fn part_of_a_file_is_served() {
        let root = site("serve");
        let port = listen(&root, 0).unwrap();
        let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = "GET /www/a%20b.js HTTP/1.1\r\nHost: localhost\r\n\
                       Range: bytes=2-4\r\nConnection: close\r\n\r\n";
        connection.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        connection.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 206 "), "{reply}");
        assert!(reply.contains("Content-Range: bytes 2-4/10\r\n"), "{reply}");
        assert!(reply.contains("Content-Type: text/javascript"), "{reply}");
        assert!(reply.ends_with("\r\n\r\n234"), "{reply}");
        fs::remove_dir_all(root.parent().unwrap()).unwrap();
    }
}
