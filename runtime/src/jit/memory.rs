use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::{ModuleError, ModuleResult};
use memmap2::{Mmap, MmapMut, MmapOptions};
use std::io;
use wasmtime_internal_jit_icache_coherence as icache;

/// Address space that is asked for at once; a function that is longer gets its own.
const CHUNK_BYTES: usize = 256 << 10;
/// The first and the last byte of a module's code lie within the reach of a near call, which is
/// 2 GiB on x86-64 and 128 MiB on AArch64. Other threads' memory may come between two chunks.
pub(super) const REACH_BYTES: usize = if cfg!(target_arch = "x86_64") {
    1 << 30
} else {
    64 << 20
};

/// Memory for the code of one module: mapped as functions arrive, writable, then executable,
/// never both. Unmapped when dropped.
///
/// Whatever the operating system refuses is an error.
#[derive(Default)]
pub(super) struct CodeMemory {
    writable: Vec<Chunk>,
    executable: Vec<Mmap>,
}

struct Chunk {
    map: MmapMut,
    used: usize,
}

/// Address space that making code takes on a thread of its own: a heap of glibc's is 64 MB of the 128 that it asks for, and the
/// work and the code are some 20. Where that is not left, an allocation would have no answer but to abort.
const ROOM_BYTES: usize = 160 << 20;

/// Asks the operating system whether it lets this program execute what it has written, and has room for the work.
pub(super) fn probe() -> io::Result<()> {
    let room = MmapOptions::new()
        .len(ROOM_BYTES)
        .no_reserve_swap()
        .map_anon();
    drop(room?);
    MmapMut::map_anon(1)?.make_exec().map(drop)
}

impl Chunk {
    /// The next `size` bytes, if there are so many.
    fn take(&mut self, size: usize, align: usize) -> Option<*mut u8> {
        let start = self.used.next_multiple_of(align);
        let end = start.checked_add(size).filter(|&n| n <= self.map.len())?;
        self.used = end;
        Some(self.map[start..end].as_mut_ptr())
    }
}

impl CodeMemory {
    /// A chunk for `size` bytes, near all others.
    fn grow(&mut self, size: usize) -> io::Result<()> {
        let map = MmapMut::map_anon(size.max(CHUNK_BYTES))?;
        let span = |map: &[u8]| (map.as_ptr().addr(), map.as_ptr().addr() + map.len());
        let written = self.writable.iter().map(|chunk| span(&chunk.map));
        let spans = written.chain(self.executable.iter().map(|map| span(map)));
        let (first, last) = spans.fold(span(&map), |(a, b), (c, d)| (a.min(c), b.max(d)));
        if last - first > REACH_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                format!("no memory within {REACH_BYTES} bytes of the code before"),
            ));
        }
        self.writable.push(Chunk { map, used: 0 });
        Ok(())
    }

    fn make_executable(&mut self) -> io::Result<()> {
        let flushed = |error: &dyn ToString| io::Error::other(error.to_string());
        for mut chunk in self.writable.drain(..) {
            let start = chunk.map.as_mut_ptr();
            // SAFETY: the chunk is mapped and nobody executes it yet.
            unsafe { icache::clear_cache(start.cast(), chunk.used) }.map_err(|e| flushed(&e))?;
            self.executable.push(chunk.map.make_exec()?);
        }
        icache::pipeline_flush_mt().map_err(|e| flushed(&e))
    }
}

impl JITMemoryProvider for CodeMemory {
    fn allocate(&mut self, size: usize, align: u64, kind: JITMemoryKind) -> io::Result<*mut u8> {
        let JITMemoryKind::Executable = kind else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "a module has code, and no data",
            ));
        };
        let align = usize::try_from(align).map_err(io::Error::other)?;
        let taken = |memory: &mut CodeMemory| memory.writable.last_mut()?.take(size, align);
        if let Some(start) = taken(self) {
            return Ok(start);
        }
        self.grow(size)?;
        taken(self).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    unsafe fn free_memory(&mut self) {
        *self = CodeMemory::default();
    }

    fn finalize(&mut self, _protection: BranchProtection) -> ModuleResult<()> {
        self.make_executable()
            .map_err(|err| ModuleError::Allocation { err })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_lie_apart_and_near() -> io::Result<()> {
        let mut memory = CodeMemory::default();
        let mut allocate = |size| memory.allocate(size, 64, JITMemoryKind::Executable);
        let sizes = [1, 63, 4096, CHUNK_BYTES - 1, CHUNK_BYTES * 2, 5];
        let mut spans = Vec::new();
        for size in sizes {
            let start = allocate(size)?.addr();
            assert_eq!(start % 64, 0);
            spans.push((start, start + size));
        }
        spans.sort_unstable();
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        assert!(spans[sizes.len() - 1].1 - spans[0].0 <= REACH_BYTES);
        assert!(allocate(REACH_BYTES + 1).is_err());
        let data = memory.allocate(1, 1, JITMemoryKind::ReadOnly);
        assert!(data.is_err());
        Ok(())
    }
}
