//! Binding: from an address to sockets that listen.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdTcpListener},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
    },
    path::{Path, PathBuf},
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::Address;

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Held for what its drop does.
        _file: SocketFile,
    },
}

/// Binds an address; `Localhost` may give two sockets.
pub(super) fn bind(address: &Address) -> io::Result<Vec<Bound>> {
    match address {
        Address::Localhost(port) => localhost(*port),
        Address::Ip(address) => Ok(vec![tcp(*address)?]),
        Address::Any(port) => Ok(vec![any(*port)?]),
        Address::Unix(path) => Ok(vec![unix(path)?]),
    }
}

impl Bound {
    /// The address with its real port; `None` for a Unix socket.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }
}

/// Both loopback addresses on one port; one where the machine has no other. A taken port is an error on either.
fn localhost(port: u16) -> io::Result<Vec<Bound>> {
    let attempts = if port == 0 { FREE_PORT_ATTEMPTS } else { 1 };
    let mut taken = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..attempts {
        let first = match tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)) {
            Err(error) if is_missing_family(&error) => {
                return Ok(vec![tcp(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port))?]);
            }
            first => first?,
        };
        let port = first.local_addr().map_or(port, |address| address.port());
        match tcp(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port)) {
            Ok(second) => return Ok(vec![first, second]),
            Err(error) if is_missing_family(&error) => return Ok(vec![first]),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

fn any(port: u16) -> io::Result<Bound> {
    match tcp(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)) {
        Err(error) if is_missing_family(&error) => tcp(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)),
        bound => bound,
    }
}

fn tcp(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if let IpAddr::V6(ip) = address.ip() {
        socket.set_only_v6(!ip.is_unspecified())?;
    }
    // A restart must not wait for the connections of the process before.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Bound::Tcp(TcpListener::from_std(StdTcpListener::from(socket))?))
}

/// Takes the place of a socket file that nobody answers on, and of nothing else.
fn unix(path: &Path) -> io::Result<Bound> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is not a socket is in the way"));
        }
        Ok(_) => match StdUnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error),
            Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers on the socket")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::new(path)?;
    // Nobody can connect before `listen`, so there is no moment at which the file is open to others.
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    socket.listen(BACKLOG)?;
    Ok(Bound::Unix { listener: UnixListener::from_std(StdUnixListener::from(socket))?, _file: file })
}

fn is_missing_family(error: &io::Error) -> bool {
    let unsupported = [io::ErrorKind::AddrNotAvailable, io::ErrorKind::Unsupported];
    unsupported.contains(&error.kind()) || error.raw_os_error() == Some(EAFNOSUPPORT)
}

/// A socket's file; removed when it is no longer listened on, unless someone else's has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Connections that the kernel holds for us between two `accept`s.
const BACKLOG: i32 = 1024;

/// How often a port that is free on both loopback addresses is looked for.
const FREE_PORT_ATTEMPTS: usize = 32;

/// Owner only. Whoever wants to let other users in changes it after binding and checks [`super::Peer`].
const SOCKET_MODE: u32 = 0o600;

/// Linux's number for an address family that the kernel lacks; `io::ErrorKind` has no stable name for it.
const EAFNOSUPPORT: i32 = 97;
