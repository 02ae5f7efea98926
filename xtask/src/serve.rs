//! `cargo xtask serve`: the site for this machine alone, by way of npm's `sirv`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::engine::Types;
use crate::{build, setup};

const SCRIPT: &str = "xtask/serve.js";

/// Builds the site and serves it until the program is stopped.
pub fn serve(port: u16) -> Result<()> {
    println!("Building the site, then serving it on http://localhost:{port}/.");
    build::dist(Types::Write)?;
    let mut server = listen(Path::new(build::DIST), port)?;
    println!(
        "GraySAM is served on http://localhost:{}/ (Ctrl+C stops it).",
        server.port
    );
    let status = server.process.wait()?;
    bail!("the server ended by itself ({status}).")
}

/// A file server, which ends when this is dropped.
pub struct Server {
    process: Child,
    pub port: u16,
    /// Ends with this program, however that ends, and the server with it.
    _input: Option<ChildStdin>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already where these fail.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Serves the files below `root` on 127.0.0.1, on a free port where `port` is 0.
pub fn listen(root: &Path, port: u16) -> Result<Server> {
    setup::node_modules()?;
    let mut process = Command::new("node")
        .arg(SCRIPT)
        .arg(root)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("`node` could not be started")?;
    let mut line = String::new();
    if let Some(output) = process.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    let Ok(port) = line.trim().parse() else {
        process.wait()?;
        bail!("port {port} cannot be used: choose another one with `--port`.");
    };
    let input = process.stdin.take();
    Ok(Server {
        process,
        port,
        _input: input,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_folder_is_served_until_the_server_is_dropped() {
        std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        let server = listen(Path::new("www"), 0).unwrap();
        let mut connection = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        connection
            .write_all(b"GET /icon.svg HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut reply = String::new();
        connection.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
        assert!(reply.ends_with(&std::fs::read_to_string("www/icon.svg").unwrap()));

        let taken = listen(Path::new("www"), server.port);
        let error = taken.err().map(|error| error.to_string());
        assert!(error.unwrap_or_default().contains("choose another one"));

        let port = server.port;
        drop(server);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}
