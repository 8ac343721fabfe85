//! The listener, which can be closed before the connections that came through it are.
//!
//! Closing both at once loses requests: whoever connected a moment before has not been heard yet.

use std::{future::pending, io, net::SocketAddr};

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A listener that lets nobody in once `closed` is cancelled: connecting is refused from then on.
#[derive(Debug)]
pub struct Door {
    listener: Option<TcpListener>,
    address: SocketAddr,
    closed: CancellationToken,
}

impl Door {
    /// Opens it.
    pub fn new(listener: TcpListener, closed: CancellationToken) -> io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            listener: Some(listener),
            closed,
        })
    }
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        if let Some(listener) = &mut self.listener {
            tokio::select! {
                // Whoever stands there already is let in.
                biased;
                came = Listener::accept(listener) => return came,
                () = self.closed.cancelled() => {}
            }
        }
        self.listener = None;
        pending().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
