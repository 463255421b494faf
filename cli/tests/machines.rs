//! The default backend on systems that refuse what the JIT needs, and threads on few cores.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome::checkpoint::{Checkpoint, write_atome01};
use atome::families::AtomeConfig;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::time::Duration;
use support::{Fixture, said};

/// What is done to a process before it becomes the command.
type Restriction = fn() -> io::Result<()>;

fn restricted(mut command: Command, restriction: Restriction) -> Command {
    // SAFETY: the restrictions are system calls, which a child of `fork` may make.
    unsafe { command.pre_exec(restriction) };
    command
}

/// The error of a system call that answers with -1.
fn checked(answer: libc::c_int) -> io::Result<()> {
    match answer {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Memory that was writable never becomes executable.
fn deny_write_execute() -> io::Result<()> {
    const PR_SET_MDWE: libc::c_int = 65;
    const REFUSE_EXEC_GAIN: libc::c_ulong = 1;
    // SAFETY: the call changes nothing but what this process may do.
    checked(unsafe { libc::prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) })
}

/// `mprotect` that asks for execution is answered with `EACCES`.
fn deny_executable_mprotect() -> io::Result<()> {
    use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
    const NUMBER: u32 = 0;
    const THIRD_ARGUMENT: u32 = 32;
    let step = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EACCES as u32;
    let mut program = [
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0, NUMBER),
        step(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, libc::SYS_mprotect as u32),
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0, THIRD_ARGUMENT),
        step(BPF_ALU | BPF_AND | BPF_K, 0, 0, libc::PROT_EXEC as u32),
        step(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0),
        step(BPF_RET | BPF_K, 0, 0, refuse),
        step(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the filter is valid while the call copies it.
    unsafe {
        checked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        checked(libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER as libc::c_ulong,
            &program,
        ))
    }
}

/// Questions about the language model and the classifier of a fixture.
const QUESTIONS: &[&[&str]] = &[
    &["logits", "lm.bin", "--tokens", "5,6,7"],
    &["classify", "cl.bin", "--tokens", "1,2,3,4"],
    &["run", "lm.bin", "-p", "ab", "-n", "20", "--quiet"],
];

#[test]
fn the_default_backend_is_machine_code() {
    let facts = Fixture::new().json(&["inspect", "lm.bin", "--json"]);
    assert_eq!(facts["backend"], "jit", "{}", facts["jit_refused"]);
    assert!(facts["jit_refused"].is_null());
}

#[test]
fn without_executable_memory_the_default_backend_runs() {
    let fixture = Fixture::new();
    let kinds: [(&str, Restriction); 2] = [
        ("PR_SET_MDWE", deny_write_execute),
        ("seccomp", deny_executable_mprotect),
    ];
    for (kind, restriction) in kinds {
        let run = |args: &[&str]| said(&mut restricted(fixture.command(args), restriction));
        let aot = ["--backend", "aot"];
        if let Err(error) = restricted(fixture.command(&["--version"]), restriction).output() {
            eprintln!("skipped: this system has no {kind}: {error}");
            continue;
        }
        for question in QUESTIONS {
            let found = run(question);
            assert_eq!(found.code, Some(0), "{kind}: {question:?}: {found:?}");
            assert_eq!(
                found.out,
                fixture.ok(&[question, &aot[..]].concat()),
                "{kind}"
            );
        }
        let facts = run(&["inspect", "lm.bin", "--json"]);
        let facts: serde_json::Value = serde_json::from_str(&facts.out).unwrap();
        let why = "this system does not let a program make code for itself: \
            Permission denied (os error 13)";
        assert_eq!(facts["backend"], "aot", "{kind}");
        assert_eq!(facts["jit_refused"], why, "{kind}");
        let shown = run(&["inspect", "lm.bin"]).out;
        assert!(shown.contains(why), "{kind}: {shown}");
        let by_name = run(&["logits", "lm.bin", "--tokens", "5", "--backend", "jit"]);
        assert_eq!(by_name.code, Some(1), "{kind}: {by_name:?}");
        assert!(by_name.out.is_empty());
        assert!(
            by_name.err.ends_with(&format!("{why}\n")),
            "{kind}: {by_name:?}"
        );
        assert_eq!(by_name.err.lines().count(), 1, "{kind}: {by_name:?}");
    }
}

/// Leaves the command this much address space.
fn address_space(bytes: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: the limit is valid while the call reads it.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) })
}

#[test]
fn little_address_space_is_enough_or_said() {
    let fixture = Fixture::new();
    let question = ["logits", "lm.bin", "--tokens", "5,6,7", "--threads", "1"];
    let expected = fixture.ok(&question);
    let mut answered = 0;
    for megabytes in (4..=96).step_by(4) {
        let mut command = fixture.command(&question);
        // SAFETY: as for every restriction.
        unsafe { command.pre_exec(move || address_space(megabytes << 20)) };
        // The dynamic loader needs some, too.
        let Ok(output) = command.output() else {
            continue;
        };
        if output.status.success() {
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
            answered += 1;
        } else {
            assert_eq!(answered, 0, "{megabytes} MB are less than fewer");
            assert_ne!(output.status.code(), Some(101), "{megabytes} MB: a panic");
        }
    }
    assert!(answered > 12, "answered with {answered} of 24 limits");
}

/// One core for the command, whatever the machine has.
fn one_core() -> io::Result<()> {
    // SAFETY: the set is plain data, and the calls read or write it while it is valid.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        checked(libc::sched_getaffinity(0, size_of_val(&set), &raw mut set))?;
        let first = (0..libc::CPU_SETSIZE as usize).find(|cpu| libc::CPU_ISSET(*cpu, &set));
        let first = first.ok_or(io::ErrorKind::NotFound)?;
        libc::CPU_ZERO(&mut set);
        libc::CPU_SET(first, &mut set);
        checked(libc::sched_setaffinity(
            0,
            size_of_val(&set),
            &raw const set,
        ))
    }
}

/// The time that a command which must succeed keeps cores busy.
#[expect(clippy::zombie_processes, reason = "`wait4` waits for it")]
fn cpu_time(mut command: Command) -> Duration {
    let child = command.spawn().unwrap();
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    let mut status = 0;
    // SAFETY: `pid` is a child that nobody else waits for, and both places are valid.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let waited = libc::wait4(pid, &raw mut status, 0, &raw mut usage);
        assert_eq!(waited, pid);
        usage
    };
    assert!(
        ExitStatus::from_raw(status).success(),
        "{command:?}: {status}"
    );
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, 1000 * t.tv_usec as u32);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// 64 threads on one core used to spin for each other: 20 times the work of two.
#[test]
fn threads_beyond_the_cores_cost_little() {
    let fixture = Fixture::new();
    let config = AtomeConfig {
        d_model: 256,
        ..support::CONFIG
    };
    let model = Checkpoint::random(config.clone(), None, 4);
    fixture.write("deep.bin", &write_atome01(&model).unwrap());
    fixture.write("deep.json", &serde_json::to_vec(&config).unwrap());
    let run = |threads: &str| {
        let args = [
            "run",
            "deep.bin",
            "-p",
            "a",
            "-n",
            "100",
            "-q",
            "--threads",
            threads,
        ];
        let mut command = fixture.command(&args);
        command.stdout(std::process::Stdio::null());
        cpu_time(restricted(command, one_core))
    };
    let (two, many) = (run("2"), run("64"));
    let limit = 3 * two + Duration::from_millis(200);
    assert!(many < limit, "64 threads took {many:?}, two {two:?}");
}
