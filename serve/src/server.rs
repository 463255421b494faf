//! The server: a listener, a thread for HTTP, a thread for the model.

use crate::app::App;
use crate::chat::Form;
use crate::connection::Patient;
use crate::engine::{Engine, Gate};
use crate::metrics::Metrics;
use crate::sessions::{Keeper, Sessions};
use crate::{Settings, api, log};
use atome::Model;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fs, io};
use tokio::runtime;
use tokio::sync::{Semaphore, watch};

/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// Most bytes of a request's headers.
const MAX_HEADER_BYTES: usize = 32 << 10;
/// How often it is looked whether all requests are done when the server ends.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Why a server did not start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Nobody can listen there.
    #[error("cannot listen at {host} port {port}: {cause}")]
    Listen {
        /// The address or name.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        cause: io::Error,
    },
    /// The folder for sessions cannot be made.
    #[error("cannot keep sessions in `{folder}`: {cause}")]
    Folder {
        /// The folder.
        folder: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The system starts no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// The thread that runs the model is gone.
    #[error("the thread that runs the model has ended: this is a fault of the program")]
    Engine,
    /// Sessions are lost.
    #[error("{count} sessions could not be saved, the first: {first}")]
    Unsaved {
        /// How many.
        count: usize,
        /// What was wrong with one.
        first: String,
    },
}

/// A server that listens, and answers when it [runs](Server::run).
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    engine: JoinHandle<()>,
    keeper: Keeper,
}

impl Server {
    /// Listens for requests to a model; as many texts have a place at the same time as the model has
    /// [sessions](atome::Options::sessions).
    ///
    /// # Errors
    /// If nobody can listen there, or the system starts no thread.
    pub fn bind(
        model: &Model,
        form: Box<dyn Form>,
        settings: Settings,
    ) -> Result<Server, ServeError> {
        let listener = listen(&settings.host, settings.port);
        let listener = listener.and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        let (listener, address) = listener.map_err(|cause| ServeError::Listen {
            host: settings.host.clone(),
            port: settings.port,
            cause,
        })?;
        if let Some(folder) = &settings.sessions {
            fs::create_dir_all(folder).map_err(|cause| ServeError::Folder {
                folder: folder.display().to_string(),
                cause,
            })?;
        }
        let metrics = Arc::new(Metrics::default());
        let tokenizer = model.tokenizer().map(Arc::new).map_err(|e| e.to_string());
        let for_engine = tokenizer.as_ref().ok().cloned();
        let started = Engine::start(model, for_engine, settings.cache_bytes, &metrics);
        let (engine, thread) = started.map_err(ServeError::Thread)?;
        let sessions = Sessions::new(
            settings.sessions.clone(),
            settings.session_bytes,
            model.fingerprint(),
            model.info().state_bytes,
            settings.log,
        );
        let keeper = Keeper::start(&sessions).map_err(ServeError::Thread)?;
        let gate = Gate::new(model.info().sessions, settings.queue);
        let app = App::new(
            model, tokenizer, form, settings, engine, gate, metrics, sessions,
        );
        Ok(Server {
            listener,
            address,
            app: Arc::new(app),
            engine: thread,
            keeper,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `end` is ready: then nothing new is let in, what is under way goes on for as long as the
    /// settings say, and sessions are written to their files.
    ///
    /// # Errors
    /// If the system refuses threads, the model's thread fails, or a session cannot be saved at the end.
    pub fn run(self, end: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Server {
            listener,
            app,
            engine,
            keeper,
            ..
        } = self;
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(ServeError::Thread)?;
        let done = runtime.block_on(answer(listener, &app, &engine, end));
        // Whoever is still connected is not waited for.
        runtime.shutdown_background();
        let unsaved = keeper.end();
        app.engine.stop();
        done.map_err(ServeError::Thread)?;
        match (engine.is_finished(), unsaved.first()) {
            (true, _) => Err(ServeError::Engine),
            (false, None) => Ok(()),
            (false, Some(first)) => Err(ServeError::Unsaved {
                count: unsaved.len(),
                first: first.clone(),
            }),
        }
    }
}

fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    TcpListener::bind(&*addresses)
}

/// Takes connections until the end, and a while longer those that are under way.
async fn answer(
    listener: TcpListener,
    app: &Arc<App>,
    engine: &JoinHandle<()>,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = api::router(app);
    let patience = app.settings.client_timeout;
    let places = Arc::new(Semaphore::new(app.settings.connections));
    let (ending, ends) = watch::channel(false);
    let mut end = std::pin::pin!(end);
    let mut look = tokio::time::interval(Duration::from_millis(200));
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        tokio::select! {
            () = &mut end => break,
            _ = look.tick() => if engine.is_finished() { return Ok(()) },
            (place, accepted) = next => match accepted {
                Ok((stream, _)) => {
                    let metrics = Arc::clone(&app.metrics);
                    metrics.connections.add(1);
                    let connection = connection(stream, router.clone(), patience, ends.clone());
                    tokio::spawn(async move {
                        connection.await;
                        metrics.connections.sub(1);
                        drop(place);
                    });
                }
                // No descriptors, or a client that left at once.
                Err(error) => {
                    log::note(app.settings.log, "accept", &error.to_string());
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            },
        }
    }
    drop(listener);
    app.stopping.store(true, Ordering::Relaxed);
    log::note(app.settings.log, "stopping", "no more requests are taken");
    let _ = ending.send(true);
    let until = Instant::now() + app.settings.grace;
    while places.available_permits() < app.settings.connections && Instant::now() < until {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    if app.gate.inside() > 0 {
        app.engine.stop();
        // Those that are ended are told.
        tokio::time::sleep(10 * LOOK_AGAIN).await;
    }
    Ok(())
}

/// Answers the requests of one connection; when the server ends, the one under way.
async fn connection(
    stream: tokio::net::TcpStream,
    router: Router,
    patience: Duration,
    mut ends: watch::Receiver<bool>,
) {
    // Tokens are small, and each is waited for.
    drop(stream.set_nodelay(true));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES);
    let stream = Patient::new(stream, patience);
    let connection = http.serve_connection(stream, TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // What is wrong with a connection is its client's to know.
        _ = &mut connection => return,
        _ = ends.wait_for(|ends| *ends) => {}
    }
    connection.as_mut().graceful_shutdown();
    drop(connection.await);
}
