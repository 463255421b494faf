//! Checksums of the parts of a table, of which each is looked at when it is first wanted.

use crate::error::TensorFault;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a block, at most, but for tables of longer rows.
const BLOCK_BYTES: usize = 1 << 16;

/// Rows of a block, of rows of so many bytes: a power of two.
pub(crate) const fn rows_of_block(row_bytes: usize) -> usize {
    match BLOCK_BYTES / if row_bytes == 0 { 1 } else { row_bytes } {
        0 => 1,
        rows => 1 << rows.ilog2(),
    }
}

/// What is wrong with the block of a table, which stands at `offset` of its file, if it has another CRC-32 than this.
pub(crate) fn block_fault(bytes: &[u8], expected: u32, offset: u64) -> Option<TensorFault> {
    let found = crc32fast::hash(bytes);
    (found != expected).then_some(TensorFault::Block {
        offset,
        bytes: bytes.len(),
        expected,
        found,
    })
}

/// The CRC-32 of each block of a table's bytes, and whether the block was found to have it.
#[derive(Debug)]
pub(crate) struct BlockSums {
    block_bytes: usize,
    sums: Vec<u32>,
    sound: Vec<AtomicBool>,
}

impl BlockSums {
    /// Those that a file states of blocks of so many bytes.
    pub(crate) fn new(block_bytes: usize, sums: Vec<u32>) -> BlockSums {
        BlockSums {
            block_bytes: block_bytes.max(1),
            sound: sums.iter().map(|_| AtomicBool::new(false)).collect(),
            sums,
        }
    }

    /// Checks the blocks of `table` in which `range` lies; the table stands at `offset` of its file.
    ///
    /// # Errors
    /// The fault of the first that is damaged.
    pub(super) fn check(
        &self,
        table: &[u8],
        range: Range<usize>,
        offset: u64,
    ) -> Result<(), TensorFault> {
        let blocks = range.start / self.block_bytes..range.end.div_ceil(self.block_bytes);
        for block in blocks {
            // It says nothing of other memory: whoever sees it late checks once more.
            if self.sound[block].load(Ordering::Relaxed) {
                continue;
            }
            let start = block * self.block_bytes;
            let bytes = &table[start..table.len().min(start + self.block_bytes)];
            if let Some(fault) = block_fault(bytes, self.sums[block], offset + start as u64) {
                return Err(fault);
            }
            self.sound[block].store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_whole_rows() {
        for (row_bytes, rows) in [
            (4096, 16),
            (4100, 8),
            (1 << 16, 1),
            (1 << 17, 1),
            (48, 1024),
        ] {
            assert_eq!(rows_of_block(row_bytes), rows, "{row_bytes} bytes");
        }
    }

    #[test]
    fn only_the_blocks_of_a_range_are_looked_at() {
        let mut table: Vec<u8> = (0..20).collect();
        let sums = table.chunks(8).map(crc32fast::hash).collect();
        let blocks = BlockSums::new(8, sums);
        table[9] ^= 1;
        assert_eq!(blocks.check(&table, 0..8, 100), Ok(()));
        assert_eq!(blocks.check(&table, 16..20, 100), Ok(()));
        for range in [7..9, 8..16, 15..17] {
            match blocks.check(&table, range, 100) {
                Err(TensorFault::Block {
                    offset: 108,
                    bytes: 8,
                    ..
                }) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
