//! Calls that threads share: each computes some of a dimension, by the same kernel. Every element is computed by one
//! thread as one would alone, so the bits do not depend on their number.

use crate::plan::{DimValue, KernelCall};
use crate::pool::{Job, Pool, Reads};
use atome_codegen::ir::Access;
use atome_codegen::op::{self, Parts, Signature};
use atome_spec::Method;
use std::mem::MaybeUninit;
use std::ops::Range;

/// What a call has to touch so that sharing it gains more than half a microsecond, in which the other thread comes and fetches
/// what this one has just written.
const WORTH_BYTES: u64 = 128 << 10;

/// How threads share a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Split {
    /// Which of the call's dimensions is split.
    pub dim: usize,
    /// How much of it a part, but for the last, is a multiple of.
    block: u64,
    /// Bytes from the start of a block to that of the next, for each operand; 0 for what all parts read.
    strides: Vec<u64>,
    /// The operand of which a block reads most.
    lead: usize,
    /// An argument, and how much of it would have all that lies between blocks read.
    pub used: Option<(usize, u64)>,
    /// Whether a part is called once: a kernel prepares what all its rows use, or a state stays where it was changed before.
    at_once: bool,
}

impl Split {
    /// How threads share a call, in blocks of one token or of any number; `None` if one thread runs it.
    pub(super) fn of(call: &KernelCall) -> Option<Split> {
        let signature = call.open_spec().signature();
        let ways = op::parts(call.op).iter();
        ways.filter_map(|parts| Split::by(call, &signature, *parts))
            .next()
    }

    fn by(call: &KernelCall, signature: &Signature, parts: Parts) -> Option<Split> {
        let number = |name: &str| signature.dims.iter().position(|dim| dim.name == name);
        let dim = number(parts.dim)?;
        let is_one = |name: &&str| number(name).map(|i| call.dims[i]) == Some(DimValue::Const(1));
        let has_parts = match call.dims[dim] {
            DimValue::Const(n) => n > parts.block,
            DimValue::Tokens | DimValue::PerToken(_) => true,
            DimValue::Slot | DimValue::Len | DimValue::Kept(_) => false,
        };
        if !has_parts || !parts.alone.iter().all(is_one) {
            return None;
        }
        let buffers = &signature.buffers;
        let split = |open| {
            let strides = strides(call, signature, (dim, parts.block), open);
            let lead = (0..strides.len()).max_by_key(|i| strides[*i]);
            Split {
                dim,
                block: parts.block,
                lead: lead.unwrap_or_default(),
                used: parts
                    .used
                    .and_then(|(name, of)| match call.dims[number(of)?] {
                        DimValue::Const(all) if all > 0 => {
                            Some((buffers.len() + number(name)?, all))
                        }
                        _ => None,
                    }),
                strides,
                at_once: call.open_spec().product() == Some(Method::Lut)
                    || buffers.iter().any(|b| b.access == Access::InOut),
            }
        };
        // A distance that follows the token is none that a part could be moved by.
        let found = split(1);
        let writes_apart = buffers
            .iter()
            .zip(&found.strides)
            .all(|(buffer, stride)| buffer.access == Access::In || *stride != 0);
        (found == split(2) && writes_apart).then_some(found)
    }

    /// Runs `part` over the arguments of each part of a call, on the threads of a pool: addresses, dimensions, scalars.
    pub(super) fn run(&self, pool: &Pool, args: &[u64], part: &(dyn Fn(&[u64]) + Sync)) {
        let at = self.strides.len() + self.dim;
        self.shared(pool, args, args[at], &|first, count| {
            let mut own = [const { MaybeUninit::uninit() }; KernelCall::MAX_ARGUMENTS];
            let own = own[..args.len()].write_copy_of_slice(args);
            for (address, stride) in own.iter_mut().zip(&self.strides) {
                *address += first * stride;
            }
            own[at] = count;
            part(own);
        });
    }

    /// Runs `part` for all blocks of a call with these arguments, on the threads of a pool: with the number of a first block
    /// and how much of the dimension comes from there on.
    fn shared(&self, pool: &Pool, args: &[u64], count: u64, part: &(dyn Fn(u64, u64) + Sync)) {
        let blocks = count.div_ceil(self.block);
        let apart: u64 = self.strides.iter().sum();
        let all = blocks.saturating_mul(apart);
        let bytes = self
            .used
            .map_or(all, |(at, of)| all.saturating_mul(args[at]) / of);
        if blocks < 2 || bytes < WORTH_BYTES {
            return part(0, count);
        }
        let reads = Reads {
            address: args[self.lead] as usize,
            block_bytes: self.strides[self.lead] as usize,
            blocks: blocks as usize,
        };
        let run = |some: Range<usize>| {
            let end = (some.end as u64 * self.block).min(count);
            part(some.start as u64, end - some.start as u64 * self.block);
        };
        pool.run(Job {
            blocks: blocks as usize,
            at_once: self.at_once,
            reads,
            run: &run,
        });
    }

    /// The operands that are not where they were in the part before, and how far apart they are, block by block.
    #[cfg(feature = "jit")]
    pub(super) fn moves(&self) -> impl Iterator<Item = (usize, u64)> {
        let strides = self.strides.iter().copied().enumerate();
        strides.filter(|(_, stride)| *stride != 0)
    }
}

/// For each buffer the bytes between blocks of a dimension, where dimensions that follow the token are `open`.
fn strides(
    call: &KernelCall,
    signature: &Signature,
    (dim, block): (usize, u64),
    open: u64,
) -> Vec<u64> {
    let value = |value: &DimValue| match value {
        DimValue::Const(n) => *n,
        _ => open,
    };
    let mut dims: Vec<u64> = call.dims.iter().map(value).collect();
    let mut lens = |blocks: u64| -> Vec<u64> {
        dims[dim] = blocks * block;
        let lens = signature.buffers.iter().map(|b| b.len.eval(&dims));
        lens.map(Option::unwrap_or_default).collect()
    };
    let (one, two) = (lens(1), lens(2));
    one.iter()
        .zip(two)
        .map(|(one, two)| 4 * (two - one))
        .collect()
}

/// A part of a call as compiled code runs it: over its arguments in memory, the number of its first block, and how much of the
/// dimension is its.
#[cfg(feature = "jit")]
pub(super) type PartFn = unsafe extern "C" fn(*const u64, u64, u64);

/// [`Split::shared`] for compiled plans.
///
/// # Safety
/// `pool` and `split` are valid, `args` are the arguments of a call that is split so, and `part` may be called for all blocks
/// of `count`, by several threads.
#[cfg(feature = "jit")]
pub(super) unsafe extern "C" fn share_call(
    pool: *const Pool,
    split: *const Split,
    part: PartFn,
    args: *const u64,
    count: u64,
) {
    // SAFETY: the caller's promise; a call has an address for each operand, and `used` is an argument of it.
    let (pool, split, args) = unsafe {
        let split = &*split;
        let last = split.used.map_or(0, |(at, _)| at + 1);
        let args = std::slice::from_raw_parts(args, split.strides.len().max(last));
        (&*pool, split, args)
    };
    split.shared(pool, args, count, &|first, count| {
        // SAFETY: the caller's promise.
        unsafe { part(args.as_ptr(), first, count) }
    });
}
