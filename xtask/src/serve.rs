//! `cargo xtask serve`: a small file server for `dist/`, for this machine alone.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::build;
use crate::compress;
use crate::http::{Range, Request, accepts, parse_range, write_head};

/// How long a connection may stay silent.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Builds the site and serves it until the program is stopped.
pub fn serve(port: u16) -> Result<()> {
    build::dist()?;
    let port = listen(Path::new(build::DIST), port)?;
    println!("GraySAM is served on http://localhost:{port}/ (Ctrl+C stops it).");
    loop {
        thread::park();
    }
}

/// Serves the files below `root` on 127.0.0.1, each connection from a thread of its own, and
/// returns the port, which is a free one where `port` is 0.
pub fn listen(root: &Path, port: u16) -> Result<u16> {
    let root = fs::canonicalize(root).with_context(|| format!("{} is missing", root.display()))?;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("port {port} cannot be used: choose another one with `--port`"))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let root = root.clone();
            // A reader that went away is its own affair.
            thread::spawn(move || drop(answer(&root, stream)));
        }
    });
    Ok(port)
}

fn answer(root: &Path, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let Some(request) = Request::read(&mut stream)? else {
        return message(
            &mut stream,
            "400 Bad Request",
            "This is no HTTP request.",
            &[],
        );
    };
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        let allow = [("Allow", "GET, HEAD")];
        return message(
            &mut stream,
            "405 Method Not Allowed",
            "Only GET and HEAD are answered here.",
            &allow,
        );
    }
    let Some(path) = resolve(root, &request.target) else {
        return message(&mut stream, "404 Not Found", "There is no such file.", &[]);
    };
    send(&mut stream, &request, &path)
}

/// Answers with the file, or the part of it that is asked for, or that it has not changed. Where
/// the reader takes its Brotli form, length, part and ETag are that form's.
fn send(stream: &mut TcpStream, request: &Request, path: &Path) -> io::Result<()> {
    let brotli = Some(compress::encoded(path)).filter(|path| path.is_file());
    let varies = brotli.is_some();
    let brotli = brotli.filter(|_| takes_brotli(request));
    let mut file = File::open(brotli.as_deref().unwrap_or(path))?;
    let (length, etag) = describe(&file)?;
    let mut headers = vec![
        ("Content-Type", mime_type(path)),
        ("ETag", &etag),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "no-cache"),
    ];
    if varies {
        headers.push(("Vary", "Accept-Encoding"));
    }
    if path.ends_with("service_worker.js") {
        // The page's own policy does not reach it.
        headers.push(("Content-Security-Policy", "default-src 'self'"));
    }
    if brotli.is_some() {
        headers.push(("Content-Encoding", "br"));
    }
    let known = request.header("if-none-match");
    if known.is_some_and(|known| known.contains(&etag)) {
        return write_head(stream, "304 Not Modified", length, &headers);
    }
    let (status, first, end) = match wanted(request, &etag, length) {
        Range::Whole => ("200 OK", 0, length),
        Range::Part { first, last } => ("206 Partial Content", first, last + 1),
        Range::Outside => {
            let size = format!("bytes */{length}");
            let status = "416 Range Not Satisfiable";
            let range = [("Content-Range", size.as_str())];
            return message(stream, status, "The file is shorter than that.", &range);
        }
    };
    let range = format!("bytes {first}-{}/{length}", end.saturating_sub(1));
    if status.starts_with("206") {
        headers.push(("Content-Range", &range));
    }
    write_head(stream, status, end - first, &headers)?;
    if request.method == "GET" {
        file.seek(SeekFrom::Start(first))?;
        io::copy(&mut file.take(end - first), stream)?;
    }
    Ok(())
}

fn message(
    stream: &mut TcpStream,
    status: &str,
    text: &str,
    headers: &[(&str, &str)],
) -> io::Result<()> {
    let plain = [("Content-Type", "text/plain; charset=utf-8")];
    write_head(
        stream,
        status,
        text.len() as u64,
        &[&plain[..], headers].concat(),
    )?;
    stream.write_all(text.as_bytes())
}

fn takes_brotli(request: &Request) -> bool {
    let codings = request.header("accept-encoding");
    codings.is_some_and(|codings| accepts(codings, "br"))
}

/// The part of the file that the request asks for. The RFC gives ranges a meaning for GET only;
/// a part of another version of the file would not fit the parts that the reader has.
fn wanted(request: &Request, etag: &str, length: u64) -> Range {
    let other_version = request
        .header("if-range")
        .is_some_and(|version| version != etag);
    match request.header("range") {
        Some(text) if request.method == "GET" && !other_version => parse_range(text, length),
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

fn mime_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    match &*extension {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
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
    use super::*;

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

    /// The reply of the server at `port` to a GET request with these further headers.
    fn get(port: u16, target: &str, headers: &str) -> String {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        connection.read_to_string(&mut reply).unwrap();
        reply
    }

    #[test]
    fn part_of_a_file_is_served_beside_an_idle_connection() {
        let root = site("serve");
        let port = listen(&root, 0).unwrap();
        let mut idle = TcpStream::connect(("127.0.0.1", port)).unwrap();
        idle.write_all(b"GET / HT").unwrap();
        let reply = get(port, "/www/a%20b.js", "Range: bytes=2-4\r\n");
        assert!(reply.starts_with("HTTP/1.1 206 "), "{reply}");
        assert!(reply.contains("Content-Range: bytes 2-4/10\r\n"), "{reply}");
        assert!(reply.contains("Content-Type: text/javascript"), "{reply}");
        assert!(!reply.contains("Vary"), "{reply}");
        assert!(reply.ends_with("\r\n\r\n234"), "{reply}");
        fs::remove_dir_all(root.parent().unwrap()).unwrap();
    }

    #[test]
    fn the_brotli_form_is_served_to_those_who_take_it() {
        let root = site("brotli");
        fs::write(root.join("www/a b.js.br"), "BROTLI").unwrap();
        let port = listen(&root, 0).unwrap();
        let etag = |reply: &str| {
            let header = reply.lines().find_map(|line| line.strip_prefix("ETag: "));
            header.unwrap().to_owned()
        };

        let plain = get(port, "/www/a%20b.js", "Accept-Encoding: gzip, br;q=0\r\n");
        assert!(plain.ends_with("\r\n\r\n0123456789"), "{plain}");
        assert!(plain.contains("Vary: Accept-Encoding\r\n"), "{plain}");
        assert!(!plain.contains("Content-Encoding"), "{plain}");

        let takes = "Accept-Encoding: gzip, br\r\n";
        let encoded = get(port, "/www/a%20b.js", takes);
        assert!(encoded.ends_with("\r\n\r\nBROTLI"), "{encoded}");
        assert!(encoded.contains("Content-Length: 6\r\n"), "{encoded}");
        assert!(encoded.contains("Content-Encoding: br\r\n"), "{encoded}");
        assert!(encoded.contains("Vary: Accept-Encoding\r\n"), "{encoded}");
        assert!(encoded.contains("Content-Type: text/javascript"));
        assert_ne!(etag(&plain), etag(&encoded));

        // A part of one form does not fit the other.
        let headers = format!("{takes}Range: bytes=1-2\r\nIf-Range: ");
        let part = get(
            port,
            "/www/a%20b.js",
            &format!("{headers}{}\r\n", etag(&encoded)),
        );
        assert!(part.contains("Content-Range: bytes 1-2/6\r\n"), "{part}");
        assert!(part.ends_with("\r\n\r\nRO"), "{part}");
        let whole = get(
            port,
            "/www/a%20b.js",
            &format!("{headers}{}\r\n", etag(&plain)),
        );
        assert!(whole.starts_with("HTTP/1.1 200 "), "{whole}");

        let known = |etag: &str| {
            get(
                port,
                "/www/a%20b.js",
                &format!("{takes}If-None-Match: {etag}\r\n"),
            )
        };
        assert!(known(&etag(&encoded)).starts_with("HTTP/1.1 304 "));
        assert!(known(&etag(&plain)).starts_with("HTTP/1.1 200 "));
        fs::remove_dir_all(root.parent().unwrap()).unwrap();
    }
}
