//! A step after `fork(2)`: the child has the memory of the model, and none of its threads.
#![cfg(target_os = "linux")]

use atome::checkpoint::Checkpoint;
use atome::families::AtomeConfig;
use atome::{BackendKind, Model, Options, Session};
use std::error::Error;

/// Wide enough for products that two threads share.
const CONFIG: AtomeConfig = AtomeConfig {
    vocab_size: 300,
    d_model: 200,
    n_layers: 2,
    d_head: 8,
    top_k: 2,
    kernel_size: 3,
    max_seq: 16,
};

/// Longer than the steps of a child take, by far.
const SECONDS: u32 = 60;

fn bits(session: &Session) -> Vec<u32> {
    session.logits().iter().map(|x| x.to_bits()).collect()
}

/// Takes a step in a child, which exits with 0 if the logits are right, and drops the model there.
fn step_in_child(session: Session, model: Model, expected: &[u32]) -> Result<i32, Box<dyn Error>> {
    // SAFETY: no other thread of this process holds a lock that the child needs: the allocator's
    // are taken care of, and the pool's workers only wait.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error().into()),
        0 => {
            let run = || {
                // SAFETY: nothing else in the child asks for an alarm.
                unsafe { libc::alarm(SECONDS) };
                let mut session = session;
                let stepped = session.step(3).is_ok() && session.prefill(&[4, 5, 6]).is_ok();
                let right = stepped && bits(&session) == expected;
                drop((session, model));
                right
            };
            let right = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            // SAFETY: the child ends without running what the test harness left.
            unsafe { libc::_exit(i32::from(!right.unwrap_or(false))) }
        }
        child => {
            let mut status = 0;
            // SAFETY: `child` is a child of this process.
            if unsafe { libc::waitpid(child, &raw mut status, 0) } != child {
                return Err(std::io::Error::last_os_error().into());
            }
            Ok(status)
        }
    }
}

#[test]
fn a_child_steps_on_without_the_threads() -> Result<(), Box<dyn Error>> {
    let model = Checkpoint::random(CONFIG, None, 9);
    let mut backends = vec![BackendKind::Aot];
    backends.extend(BackendKind::Jit.check().is_ok().then_some(BackendKind::Jit));
    for backend in backends {
        let options = Options {
            backend,
            threads: Some(2),
            sessions: 2,
            ..Options::default()
        };
        let loaded = Model::from_checkpoint(&model, &options)?;
        let mut session = loaded.session()?;
        session.prefill(&[1, 2, 3, 4, 5, 6])?;
        let expected = bits(&session);
        let mut session = loaded.session()?;
        session.prefill(&[1, 2])?;
        let status = step_in_child(session, loaded.clone(), &expected)?;
        assert_eq!(status, 0, "{backend}: the child's wait status");
        // The parent has its threads still.
        let mut session = loaded.session()?;
        session.prefill(&[1, 2, 3, 4, 5, 6])?;
        assert_eq!(bits(&session), expected, "{backend}");
    }
    Ok(())
}
