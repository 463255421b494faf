//! The model's part of the arena, written tensor by tensor: packed a panel of rows at a time by all
//! threads, each panel read back and compared with its source.

use crate::LoadError;
use crate::arena::{as_f32_mut, as_u32_mut};
use crate::format::TritRows;
use crate::plan::{Content, FloatSource, Plan, Section, Tensor, TensorInfo};
use atome_kernels::packing;
use atome_spec::Packing;
use atome_spec::layout::BLOCK_ROWS;
use std::ops::Range;
use std::sync::Mutex;

/// Elements of a job, about: long enough to outlast its overhead, short enough for the cache.
const JOB_ELEMS: usize = 1 << 18;
/// Bytes of a model below which one thread fills the arena.
const BYTES_WORTH_THREADS: usize = 8 << 20;

/// Told how many bytes of how many are done.
pub type Progress<'a> = &'a mut (dyn FnMut(usize, usize) + Send);

/// Part of a tensor and where it goes.
struct Job<'a> {
    place: &'a TensorInfo,
    content: &'a Content<'a>,
    /// Rows of a matrix or table, elements of floats.
    part: Range<usize>,
    to: &'a mut [u8],
}

/// Fills the weights, unless they stay in their file, and the constants with `contents`.
///
/// # Errors
/// The first fault of a source, in the order of `contents`.
pub(crate) fn fill(
    plan: &Plan,
    contents: &[(Tensor, Content<'_>)],
    (weights, constants): (&mut [u8], &mut [u8]),
    progress: Progress<'_>,
) -> Result<(), LoadError> {
    let (mut weights, mut constants) = (Pieces::new(weights), Pieces::new(constants));
    let mut jobs = Vec::new();
    for (tensor, content) in contents {
        let place = plan.tensor(*tensor);
        if place.section == Section::Weights && plan.image.is_some() {
            continue;
        }
        let pieces = match place.section {
            Section::Weights => &mut weights,
            _ => &mut constants,
        };
        split(place, content, pieces.take(place), &mut jobs);
    }
    let total = jobs.iter().map(|job| job.to.len()).sum();
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
    mut to: &'a mut [u8],
    jobs: &mut Vec<Job<'a>>,
) {
    let rows_of = |cols: usize| (JOB_ELEMS / cols.max(1)).max(1);
    let parts = content.parts();
    let step = match content {
        Content::Matrix(w, _) => rows_of(w.shape().1).next_multiple_of(BLOCK_ROWS),
        Content::Embedding(w) => rows_of(w.shape().1),
        // Taps of one word lie in a row of all channels: not rows of the source.
        Content::Taps(_) => usize::MAX,
        Content::F32(_) | Content::Words(_) => JOB_ELEMS,
    };
    let mut start = 0;
    while start < parts {
        let end = parts.min(start.saturating_add(step.max(1)));
        let bytes = if end == parts {
            to.len()
        } else {
            content.bytes_of(end - start)
        };
        let (piece, rest) = to.split_at_mut(bytes);
        to = rest;
        jobs.push(Job {
            place,
            content,
            part: start..end,
            to: piece,
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
            let bytes = job.to.len();
            let result = job.run(&mut buffers);
            let mut state = lock();
            state.done += bytes;
            let done = state.done;
            (state.progress)(done, self.total);
            if let Err(fault) = result
                && state
                    .fault
                    .as_ref()
                    .is_none_or(|(first, _)| number < *first)
            {
                state.fault = Some((number, fault));
            }
        }
    }

    fn finish(self) -> Result<(), LoadError> {
        let state = self.state.into_inner().unwrap_or_else(|e| e.into_inner());
        state.fault.map_or(Ok(()), |(_, fault)| Err(fault))
    }
}

/// What a thread works with.
#[derive(Default)]
struct Buffers {
    source: Vec<i8>,
    read_back: Vec<i8>,
}

impl Job<'_> {
    fn run(self, buffers: &mut Buffers) -> Result<(), LoadError> {
        let Job {
            place,
            content,
            part,
            to,
        } = self;
        let pack = |cause| LoadError::Pack {
            tensor: place.name.clone(),
            cause,
        };
        let (rows, first) = (part.len(), part.start);
        if let Some(stored) = content.stored() {
            // They were checked when the file was opened.
            stored.read(content.bytes_of(first), to)?;
            for word in as_u32_mut(to) {
                *word = u32::from_le(*word);
            }
            return Ok(());
        }
        let source = match content {
            Content::F32(FloatSource::Values(values)) => {
                as_f32_mut(to).copy_from_slice(&values[part]);
                return Ok(());
            }
            Content::F32(FloatSource::Tensor(tensor)) => {
                return tensor.read(first, as_f32_mut(to));
            }
            Content::Words(_) => unreachable!("a file holds them, so they are copied"),
            Content::Matrix(w, _) | Content::Embedding(w) | Content::Taps(w) => *w,
        };
        let cols = source.shape().1;
        buffers.read(source, part)?;
        let Buffers { source, read_back } = buffers;
        let words = as_u32_mut(to);
        let int2 = Packing::Int2;
        match content {
            Content::Matrix(_, packing) => {
                packing::matrix::pack_into(*packing, source, rows, cols, words).map_err(pack)?;
                packing::matrix::unpack_into(*packing, words, rows, cols, read_back)
            }
            Content::Embedding(_) => {
                packing::embed::pack_into(int2, source, rows, cols, words).map_err(pack)?;
                packing::embed::unpack_into(int2, words, rows, cols, read_back)
            }
            _ => {
                packing::conv::pack_into(source, rows, cols, words).map_err(pack)?;
                packing::conv::unpack_into(words, rows, cols, read_back)
            }
        }
        .map_err(pack)?;
        match read_back.iter().zip(source).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(at) => Err(LoadError::SelfCheck {
                tensor: place.name.clone(),
                row: first + at / cols,
                col: at % cols,
            }),
        }
    }
}

impl Buffers {
    /// Reads rows of `w`, and makes room to read them back.
    fn read(&mut self, w: &dyn TritRows, rows: Range<usize>) -> Result<(), LoadError> {
        let elems = rows.len() * w.shape().1;
        self.source.resize(elems, 0);
        self.read_back.resize(elems, 0);
        w.read(rows, &mut self.source)
    }
}
