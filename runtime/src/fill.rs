//! The model's part of the arena, written tensor by tensor: packed a panel of rows at a time by all
//! threads, each panel read back and compared with its source. What stays in a file is checked on the way.

mod job;

use crate::LoadError;
use crate::plan::{Content, Plan, Section, Source, Tensor, TensorInfo};
use crate::progress::Progress;
use crate::tensor::{Stored, Tables};
use atome_spec::layout::BLOCK_ROWS;
use job::{At, Buffers, Job};
use std::sync::Mutex;

/// Elements of a job, about: long enough to outlast its overhead, short enough for the cache.
const JOB_ELEMS: usize = 1 << 18;
/// Bytes after which sources give back the memory of what was read.
const READ_AT_ONCE: usize = 32 << 20;
/// Bytes of a model below which one thread fills the arena.
const BYTES_WORTH_THREADS: usize = 8 << 20;

/// Fills the weights and the constants with `contents`. Tables that stay in their file are checked there if `tables` says
/// so; else by whoever looks up a row.
///
/// # Errors
/// The first fault of a source, in the order of `contents`.
pub(crate) fn fill(
    plan: &Plan,
    contents: &[(Tensor, Content<'_>)],
    (weights, constants): (&mut [u8], &mut [u8]),
    tables: Tables,
    progress: Progress<'_>,
) -> Result<(), LoadError> {
    let (mut weights, mut constants) = (Pieces::new(weights), Pieces::new(constants));
    let mut jobs = Vec::new();
    for (tensor, content) in contents {
        let place = plan.tensor(*tensor);
        let is_checked = content.stored.is_some_and(Stored::is_checked);
        let at = match place.section {
            Section::File if is_checked || tables == Tables::WhenAsked => continue,
            Section::File => At::File(place.bytes),
            Section::Weights => At::Arena(weights.take(place)),
            _ => At::Arena(constants.take(place)),
        };
        split(place, content, at, &mut jobs);
    }
    let total = jobs.iter().map(|job| job.at.len()).sum();
    let threads = if total < BYTES_WORTH_THREADS {
        1
    } else {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    };
    let queue = Queue::new(jobs, total, progress);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| queue.work());
        }
        queue.work();
    });
    queue.finish()
}

/// A part of the arena that tensors are taken from in the order of their offsets.
struct Pieces<'a> {
    rest: &'a mut [u8],
    offset: usize,
}

impl<'a> Pieces<'a> {
    fn new(rest: &'a mut [u8]) -> Pieces<'a> {
        Pieces { rest, offset: 0 }
    }

    fn take(&mut self, place: &TensorInfo) -> &'a mut [u8] {
        let rest = std::mem::take(&mut self.rest);
        let (piece, rest) = rest[place.offset - self.offset..].split_at_mut(place.bytes);
        (self.rest, self.offset) = (rest, place.offset + place.bytes);
        piece
    }
}

/// Appends the jobs of a tensor.
fn split<'a>(
    place: &'a TensorInfo,
    content: &'a Content<'a>,
    mut at: At<'a>,
    jobs: &mut Vec<Job<'a>>,
) {
    let rows_of = |cols: usize| (JOB_ELEMS / cols.max(1)).max(1);
    let (parts, cols) = content.shape();
    let step = match content.source {
        Source::Matrix(..) | Source::Scales(_) => rows_of(cols).next_multiple_of(BLOCK_ROWS),
        Source::Embedding(..) | Source::Scaled(..) | Source::Rows(..) => rows_of(cols),
        // Taps of one word lie in a row of all channels: not rows of the source.
        Source::Taps(_) => usize::MAX,
        Source::Values(_) => JOB_ELEMS,
    };
    let mut start = 0;
    while start < parts {
        let end = parts.min(start.saturating_add(step.max(1)));
        let bytes = if end == parts {
            at.len()
        } else {
            content.bytes_of(end - start)
        };
        let (piece, rest) = at.split(bytes);
        at = rest;
        jobs.push(Job {
            place,
            content,
            part: start..end,
            at: piece,
        });
        start = end;
    }
}

/// Jobs to be taken in order by any thread.
struct Queue<'a> {
    state: Mutex<State<'a>>,
    total: usize,
}

struct State<'a> {
    jobs: std::iter::Enumerate<std::vec::IntoIter<Job<'a>>>,
    done: usize,
    progress: Progress<'a>,
    /// The fault of the earliest job that has one.
    fault: Option<(usize, LoadError)>,
}

impl<'a> Queue<'a> {
    fn new(jobs: Vec<Job<'a>>, total: usize, progress: Progress<'a>) -> Queue<'a> {
        let state = State {
            jobs: jobs.into_iter().enumerate(),
            done: 0,
            progress,
            fault: None,
        };
        Queue {
            state: Mutex::new(state),
            total,
        }
    }

    /// Takes jobs until there are none, or one has failed.
    fn work(&self) {
        let mut buffers = Buffers::default();
        let lock = || self.state.lock().unwrap_or_else(|e| e.into_inner());
        loop {
            let mut state = lock();
            let next = if state.fault.is_some() {
                None
            } else {
                state.jobs.next()
            };
            drop(state);
            let Some((number, job)) = next else { return };
            let (bytes, content) = (job.at.len(), job.content);
            let result = job.run(&mut buffers);
            let mut state = lock();
            state.done += bytes;
            let done = state.done;
            if done / READ_AT_ONCE > (done - bytes) / READ_AT_ONCE {
                content.let_go();
            }
            (state.progress)(done, self.total);
            if let Err(fault) = result {
                let first = state.fault.as_ref().map(|(first, _)| *first);
                if first.is_none_or(|first| number < first) {
                    state.fault = Some((number, fault));
                }
            }
        }
    }

    fn finish(self) -> Result<(), LoadError> {
        let state = self.state.into_inner().unwrap_or_else(|e| e.into_inner());
        match state.fault {
            None => Ok(()),
            Some((_, fault)) => Err(fault),
        }
    }
}
