//! Servers in processes of their own: this binary again, told to be one.

use super::{Client, Lines, quiet, random};
use atome_serve::{Server, Settings};
use std::io::{BufRead, BufReader, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{env, thread};
use tokio::sync::oneshot;

/// The process is a server, such as [`Role`] says; then comes where sessions are saved.
const ROLE: &str = "ATOME_TEST_SERVER";
/// What it says before its address.
const LISTENS: &str = "listens at ";

/// How a process serves.
#[derive(Clone, Copy)]
pub(crate) struct Role {
    pub(crate) places: usize,
    /// Bytes of sessions in memory.
    pub(crate) session_bytes: usize,
    /// Milliseconds that a client may take.
    pub(crate) patience_ms: u64,
}

impl Default for Role {
    fn default() -> Role {
        Role {
            places: 2,
            session_bytes: 1 << 30,
            patience_ms: 30_000,
        }
    }
}

/// A process that serves the small random model.
pub(crate) struct Process {
    client: Client,
    child: Child,
    /// It serves until this is closed.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// A server that saves sessions in a folder.
    pub(crate) fn new(role: Role, folder: &Path) -> Process {
        Process::start(Command::new(env::current_exe().unwrap()), role, folder)
    }

    /// The same, whose folder is a disk of so many KiB that nobody else sees.
    pub(crate) fn on_small_disk(kib: usize, role: Role, folder: &Path) -> Process {
        let mut command = in_namespace(&format!("size={kib}k"), folder);
        command.arg(env::current_exe().unwrap());
        Process::start(command, role, folder)
    }

    fn start(mut command: Command, role: Role, folder: &Path) -> Process {
        let Role {
            places,
            session_bytes,
            patience_ms,
        } = role;
        let folder = folder.display();
        command
            .args([
                "--exact",
                "support::process::serves",
                "--ignored",
                "--nocapture",
            ])
            .env(
                ROLE,
                format!("{places} {session_bytes} {patience_ms} {folder}"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            let read = stdout.read_line(&mut line).unwrap();
            assert!(read > 0, "the server has not started");
            if let Some((_, address)) = line.trim_end().split_once(LISTENS) {
                break address.parse().unwrap();
            }
        };
        Process {
            client: Client { address },
            child,
            stdin,
            stdout,
        }
    }

    /// A file of the folder, as the process sees it.
    pub(crate) fn sees(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.child.id()));
        root.join(path.strip_prefix("/").unwrap())
    }

    /// Kills it as nothing can be kept from.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Has it end by itself; gives what it said of that.
    pub(crate) fn end(mut self) -> String {
        drop(self.stdin.take());
        let mut said = String::new();
        self.stdout.read_to_string(&mut said).unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        self.child.wait().unwrap();
        said
    }
}

impl Deref for Process {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process may have disks of its own here.
pub(crate) fn can_mount(folder: &Path) -> bool {
    let mut command = in_namespace("size=4k", folder);
    let tried = command
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    tried.status().is_ok_and(|status| status.success())
}

/// A command, the rest of which runs with a disk at `folder`.
fn in_namespace(options: &str, folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    let mount = r#"mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@""#;
    command
        .args(["--map-root-user", "--mount", "sh", "-c", mount, "sh"])
        .arg(options)
        .arg(folder);
    command
}

#[test]
#[ignore = "other tests start it as a process"]
fn serves() {
    let Ok(role) = env::var(ROLE) else {
        return;
    };
    let [places, session_bytes, patience_ms, folder] = role.splitn(4, ' ').collect::<Vec<_>>()[..]
    else {
        panic!("expected places, bytes, milliseconds and a folder, found {role:?}");
    };
    let settings = Settings {
        session_bytes: session_bytes.parse().unwrap(),
        client_timeout: Duration::from_millis(patience_ms.parse().unwrap()),
        sessions: Some(folder.into()),
        ..quiet()
    };
    let model = random(places.parse().unwrap(), None);
    let server = Server::bind(&model, Box::new(Lines), settings).unwrap();
    println!("{LISTENS}{}", server.address());
    let (end, ended) = oneshot::channel::<()>();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    if let Err(error) = server.run(async { drop(ended.await) }) {
        println!("error: {error}");
    }
}
