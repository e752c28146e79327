//! A connection that ends when we say so: russh offers no way to end a session of a client that does not read, so the
//! stream below it fails instead.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a connection may still last, and what its person is told when that was shortened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leash {
    pub(super) until: Instant,
    pub(super) why: Option<&'static str>,
}

/// Ends once the time on the leash, which may change, has come.
async fn end(mut leash: watch::Receiver<Leash>) {
    loop {
        let until = leash.borrow_and_update().until;
        tokio::select! {
            () = tokio::time::sleep_until(until) => return,
            // Nobody holds the other end any more: nobody counts this connection, so it must not stay.
            changed = leash.changed() => if changed.is_err() { return },
        }
    }
}

/// A stream that reads and writes until its leash ends.
pub(super) struct Leashed<S> {
    stream: S,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    ended: bool,
}

impl<S> Leashed<S> {
    pub(super) fn new(stream: S, leash: watch::Receiver<Leash>) -> Self {
        Self {
            stream,
            end: Box::pin(end(leash)),
            ended: false,
        }
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> bool {
        self.ended = self.ended || self.end.as_mut().poll(cx).is_ready();
        self.ended
    }
}

fn over() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the connection's time is over")
}

impl<S: AsyncRead + Unpin> AsyncRead for Leashed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_ended(cx) {
            return Poll::Ready(Err(over()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Leashed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.poll_ended(cx) {
            return Poll::Ready(Err(over()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.poll_ended(cx) {
            return Poll::Ready(Err(over()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.poll_ended(cx) {
            return Poll::Ready(Err(over()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn leash(seconds: u64) -> Leash {
        Leash {
            until: Instant::now() + Duration::from_secs(seconds),
            why: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reading_and_writing_end_with_the_leash() {
        let (near, _far) = tokio::io::duplex(8);
        let (hold, watch) = watch::channel(leash(60));
        let mut stream = Leashed::new(near, watch);
        let start = Instant::now();
        // Longer after all, and then cut short.
        hold.send_replace(leash(600));
        let read = tokio::spawn(async move {
            let error = stream.read_u8().await.unwrap_err();
            // The far side never reads: more than the pipe holds would wait for it.
            let written = stream.write_all(&[0; 64]).await.unwrap_err();
            (error.kind(), written.kind())
        });
        tokio::time::sleep(Duration::from_secs(100)).await;
        hold.send_replace(leash(0));
        let timed_out = io::ErrorKind::TimedOut;
        assert_eq!(read.await.unwrap(), (timed_out, timed_out));
        assert_eq!(start.elapsed().as_secs(), 100);
    }
}
