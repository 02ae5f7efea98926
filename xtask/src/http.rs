//! As much of HTTP/1.1 (RFC 9110 and 9112) as a file server needs: one request for each
//! connection.

use std::io::{self, Read, Write};

/// The longest head of a request that is read.
const MAX_HEAD: usize = 16 << 10;

/// The head of a request.
pub struct Request {
    pub method: String,
    pub target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Reads the head of a request; `None` if it is none, or too long.
    pub fn read(stream: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        let mut piece = [0; 1024];
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let n = stream.read(&mut piece)?;
            if n == 0 || head.len() + n > MAX_HEAD {
                return Ok(None);
            }
            head.extend_from_slice(&piece[..n]);
        }
        Ok(Self::parse(&String::from_utf8_lossy(&head)))
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut start = lines.next()?.split(' ');
        let (method, target) = (start.next()?.to_owned(), start.next()?.to_owned());
        start.next()?.strip_prefix("HTTP/1.")?;
        let headers = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self {
            method,
            target,
            headers,
        })
    }

    /// The value of the header `name`, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.0 == name)?;
        Some(&found.1)
    }
}

/// Writes the head of a response whose body has `length` bytes. The connection ends with it, so
/// that no reader waits for one that another has left idle.
pub fn write_head(
    out: &mut impl Write,
    status: &str,
    length: u64,
    headers: &[(&str, &str)],
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
    out.write_all(head.as_bytes())
}

#[derive(Debug, PartialEq, Eq)]
pub enum Range {
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
pub fn parse_range(text: &str, length: u64) -> Range {
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

/// Whether an Accept-Encoding header (RFC 9110, section 12.5.3) takes `coding`: by its own weight,
/// or else by that of `*`.
pub fn accepts(header: &str, coding: &str) -> bool {
    let weight = |wanted: &str| {
        header.split(',').find_map(|item| {
            let (name, parameter) = item.split_once(';').unwrap_or((item, ""));
            let weight = parameter.split_once('=').map_or("1", |(_, weight)| weight);
            let found = name.trim().eq_ignore_ascii_case(wanted);
            found.then(|| weight.trim().parse().unwrap_or(0.0))
        })
    };
    let weight: Option<f32> = weight(coding).or_else(|| weight("*"));
    weight.is_some_and(|weight| weight > 0.0)
}

/// A number of decimal digits alone; one that is too large for any file counts as the largest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_piece_by_piece() {
        struct Dribble<'a>(&'a [u8]);
        impl Read for Dribble<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let n = self.0.len().min(3);
                out[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let head = b"GET /a%20b HTTP/1.1\r\nHost: x\r\nRANGE:  bytes=1-2 \r\n\r\n";
        let request = Request::read(&mut Dribble(head)).unwrap().unwrap();
        assert_eq!(request.method, "GET");
        assert_eq!(request.target, "/a%20b");
        assert_eq!(request.header("range"), Some("bytes=1-2"));
        assert_eq!(request.header("etag"), None);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let endless = vec![b'x'; 2 * MAX_HEAD];
        for head in [
            &b""[..],
            b"GET / HTTP/1.1\r\n",
            b"GET\r\n\r\n",
            b"GET / FTP/1\r\n\r\n",
            &endless,
        ] {
            assert!(Request::read(&mut &head[..]).unwrap().is_none());
        }
    }

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

    #[test]
    fn codings_are_taken_by_their_weight() {
        for header in [
            "br",
            "gzip, deflate, br, zstd",
            "gzip;q=1.0,BR;q=0.001",
            "*",
            "gzip, *;q=0.5",
            "*;q=0, br ; q=0.2",
        ] {
            assert!(accepts(header, "br"), "{header}");
        }
        for header in [
            "",
            "gzip, deflate",
            "br;q=0",
            "br;q=0.000, *",
            "identity;q=1, *;q=0",
            "brotli",
            "br;q=much",
        ] {
            assert!(!accepts(header, "br"), "{header}");
        }
    }
}
