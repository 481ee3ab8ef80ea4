//! How is an endless answer read in bounded memory?

use std::io;

use futures::stream::{self, BoxStream, StreamExt};
use reqwest::Response;
use rmcp::transport::streamable_http_client::SseError;
use sse_stream::{Sse, SseStream};

use super::RequestError;

/// The server-sent events of an answer. One larger than `max_event_bytes` ends the stream with an error.
pub(super) fn of(
    response: Response,
    max_event_bytes: usize,
) -> BoxStream<'static, Result<Sse, SseError>> {
    let start = Some((response, EventSize::new(max_event_bytes)));
    let chunks = stream::unfold(start, |open| async move {
        let (mut response, mut size) = open?;
        match response.chunk().await {
            Ok(None) => None,
            Ok(Some(chunk)) if size.admits(&chunk) => Some((Ok(chunk), Some((response, size)))),
            Ok(Some(_)) => Some((Err(size.exceeded()), None)),
            Err(error) => Some((Err(io::Error::other(RequestError::from(error))), None)),
        }
    });
    SseStream::from_bytes_stream(chunks).boxed()
}

/// Counts the bytes of the event under way, which the parser keeps until the blank line that ends it.
struct EventSize {
    max: usize,
    event: usize,
    line: usize,
    after_cr: bool,
}

impl EventSize {
    const fn new(max: usize) -> Self {
        Self {
            max,
            event: 0,
            line: 0,
            after_cr: false,
        }
    }

    /// Whether all events that begin or go on in this chunk are within the limit so far.
    fn admits(&mut self, chunk: &[u8]) -> bool {
        chunk.iter().all(|&byte| {
            let ends_line = matches!(byte, b'\n' | b'\r');
            let second_half = byte == b'\n' && self.after_cr;
            self.after_cr = byte == b'\r';
            if second_half {
            } else if ends_line && self.line == 0 {
                self.event = 0;
            } else if ends_line {
                self.line = 0;
            } else {
                self.line += 1;
                self.event += 1;
            }
            self.event <= self.max
        })
    }

    fn exceeded(&self) -> io::Error {
        io::Error::other(format!("an event larger than {} bytes", self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_bounded_one_by_one() {
        for (stream, fits) in [
            ("data: 12345\n\n", true),
            ("data: 123456\n\n", false),
            ("data: 12345\n\ndata: 12345\n\n", true),
            ("data: 12345\r\n\r\ndata: 12345\r\n\r\n", true),
            ("data: 12345\r\rdata: 12345\r\r", true),
            ("data: 1\ndata: 2\n\n", false),
            (": alive\n\n: alive\n\n", true),
            ("data: 12345\n: alive\n\n", false),
        ] {
            for size in 1..=stream.len() {
                let mut counter = EventSize::new(11);
                let admitted = stream
                    .as_bytes()
                    .chunks(size)
                    .all(|chunk| counter.admits(chunk));
                assert_eq!(admitted, fits, "{stream:?} in chunks of {size}");
            }
        }
    }
}
